import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import { t } from "../../i18n";
import { QueryView } from "../../shared/states";
import { Section } from "./Inspector";
import { TimelineList } from "./TimelineList";

/** What happened to this task, newest first, from the journal. */
export function Timeline({ taskId }: { taskId: string }) {
  const journal = useQuery(queries.journal(taskId));
  return (
    <Section title={t("Timeline")}>
      <QueryView query={journal} rows={3} safe={t("Only the history is missing here.")}>
        {(events) => <TimelineList events={events} />}
      </QueryView>
    </Section>
  );
}

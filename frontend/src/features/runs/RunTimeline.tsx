import { useQuery } from "@tanstack/react-query";

import { runQueries } from "../../api/runQueries";
import { t } from "../../i18n";
import { DetailSection } from "../../shared/DetailSection";
import { QueryView } from "../../shared/states";
import { TimelineList } from "../exam/TimelineList";

/** What was written down of a run, newest first. */
export function RunTimeline({ id }: { id: string }) {
  const events = useQuery(runQueries.events(id));
  return (
    <DetailSection title={t("Timeline")}>
      <QueryView query={events} rows={3} safe={t("The run itself goes on as before.")}>
        {(all) => <TimelineList events={all} days />}
      </QueryView>
    </DetailSection>
  );
}

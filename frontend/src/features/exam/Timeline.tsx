import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import { clock } from "../../shared/format";
import { QueryView } from "../../shared/states";
import css from "./exam.module.css";
import { Section } from "./Inspector";
import { timelineOf } from "./timeline";

/** What happened to this task, newest first, from the journal. */
export function Timeline({ taskId }: { taskId: string }) {
  const journal = useQuery(queries.journal(taskId));
  return (
    <Section title="Timeline">
      <QueryView query={journal} rows={3} safe="Only the history is missing here.">
        {(events) => {
          const lines = timelineOf(events);
          if (lines.length === 0) return <p className="dim">Nothing has happened yet.</p>;
          return (
            <ol className={css.timeline}>
              {lines.map((line) => (
                <li key={line.id} data-fault={line.fault || undefined}>
                  <time dateTime={line.time}>{clock(line.time)}</time>
                  <span>
                    {line.words}
                    {line.detail && <span className="dim"> {line.detail}</span>}
                  </span>
                </li>
              ))}
            </ol>
          );
        }}
      </QueryView>
    </Section>
  );
}

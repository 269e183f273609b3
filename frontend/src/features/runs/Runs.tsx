import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import type { JobTask, Run } from "../../api/types";
import { clock, duration, secondsBetween } from "../../shared/format";
import { QueryView } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { Section } from "../exam/Inspector";
import css from "./runs.module.css";

/** The runs of a job task; a failure says why in full. */
export function Runs({ task }: { task: JobTask }) {
  const runs = useQuery(queries.runs(task.id));
  return (
    <Section title="Runs">
      <QueryView query={runs} rows={2} safe="The job itself is not affected.">
        {(list) =>
          list.length === 0 ? (
            <p className="dim">Not run yet.</p>
          ) : (
            <ul className={css.list}>
              {list.slice(0, 5).map((run) => (
                <RunLine key={run.id} run={run} />
              ))}
            </ul>
          )
        }
      </QueryView>
    </Section>
  );
}

function RunLine({ run }: { run: Run }) {
  const from = run.started_at ?? run.created_at;
  const took = run.ended_at ? secondsBetween(from, Date.parse(run.ended_at)) : null;
  return (
    <li>
      <div className={css.line}>
        <StatusBadge look={workStatus(run.status)} />
        {run.progress > 0 && run.progress < 100 && (
          <span className="live-number">{run.progress} %</span>
        )}
        <span className={`dim ${css.end}`}>
          {clock(from)}
          {took !== null && ` · ${duration(took)}`}
        </span>
      </div>
      {run.error && <pre className={css.error}>{run.error}</pre>}
    </li>
  );
}

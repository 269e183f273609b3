import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import type { Dispatch, Exam, Task } from "../../api/types";
import { t } from "../../i18n";
import { clock } from "../../shared/format";
import { QueryView } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { Section } from "../exam/Inspector";
import { inputsOf } from "../exam/tree";
import css from "./runs.module.css";

/** Where the images of this task, or of what it feeds, were sent. */
export function Dispatches({ exam, task }: { exam: Exam; task: Task }) {
  const dispatches = useQuery(queries.dispatches(exam.id));
  const fed = exam.workflows
    .flatMap(({ tasks }) => tasks)
    .filter((other) => other.id === task.id || inputsOf(other).includes(task.id))
    .map((other) => other.id);
  return (
    <Section title={t("Sent to")}>
      <QueryView query={dispatches} rows={1} safe={t("The images are stored; sending goes on.")}>
        {(all) => {
          const list = latest(all.filter(({ task_id }) => !task_id || fed.includes(task_id)));
          if (list.length === 0) return <p className="dim">{t("Nothing sent yet.")}</p>;
          return (
            <ul className={css.list}>
              {list.map((dispatch) => (
                <li key={dispatch.id}>
                  <div className={css.line}>
                    <StatusBadge look={workStatus(dispatch.status)} />
                    <span className={css.target}>{dispatch.target}</span>
                    <span className={`dim live-number ${css.end}`}>
                      {dispatch.sent}/{dispatch.instances}
                      {dispatch.ended_at && ` · ${clock(dispatch.ended_at)}`}
                    </span>
                  </div>
                  {dispatch.next_attempt_at && (
                    <p className="dim live-number">
                      {t("Attempt {attempt} failed, next at {nextAttemptAt}", {
                        attempt: dispatch.attempt,
                        nextAttemptAt: clock(dispatch.next_attempt_at),
                      })}
                    </p>
                  )}
                  {dispatch.error && <pre className={css.error}>{dispatch.error}</pre>}
                </li>
              ))}
            </ul>
          );
        }}
      </QueryView>
    </Section>
  );
}

/** One line per target: the newest series sent there, or being sent. */
function latest(dispatches: Dispatch[]): Dispatch[] {
  const byTarget = new Map<string, Dispatch>();
  for (const dispatch of dispatches) {
    const known = byTarget.get(dispatch.target);
    if (!known || known.created_at < dispatch.created_at) byTarget.set(dispatch.target, dispatch);
  }
  return [...byTarget.values()];
}

import { Button } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconRefresh, IconSquare } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { cancelRun, readRunLog, retryRun, reviewRun, runLogUrl } from "../../api/jobs";
import { keys, queries } from "../../api/queries";
import { runKeys } from "../../api/runQueries";
import type { JobTask, Run } from "../../api/types";
import { plural, t } from "../../i18n";
import { Bar } from "../../shared/Bar";
import { clock, duration, plainReason, secondsBetween } from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import { LogTail } from "../../shared/log/LogTail";
import { LogView } from "../../shared/log/LogView";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate, useMayTryOut } from "../../shared/roles";
import { authorName } from "../../shared/schema/words";
import { ErrorLine, QueryView, Reasons } from "../../shared/states";
import { sizeWords } from "../../shared/size";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { Section } from "../exam/Inspector";
import { Decided, Deciding } from "../processing/Review";
import { isOpen, isRejected, mayRetry, runStatus, waitingWords } from "./run";
import css from "./runs.module.css";

/** The runs of a job task; a failure says why in full, and the newest one can be acted upon. */
export function Runs({ task }: { task: JobTask }) {
  const runs = useQuery(queries.runs(task.id));
  return (
    <Section title={t("Runs")}>
      <QueryView query={runs} rows={2} safe={t("The job itself is not affected.")}>
        {(list) =>
          list.length === 0 ? (
            <p className="dim">{t("Not run yet.")}</p>
          ) : (
            <ul className={css.list}>
              {list.slice(0, 5).map((run, at) => (
                <RunLine key={run.id} run={run} newest={at === 0} />
              ))}
            </ul>
          )
        }
      </QueryView>
    </Section>
  );
}

function RunLine({ run, newest }: { run: Run; newest: boolean }) {
  const [open, setOpen] = useState(false);
  const running = isOpen(run);
  const now = useNow(running);
  const from = run.started_at ?? run.created_at;
  const took = secondsBetween(from, run.ended_at ? Date.parse(run.ended_at) : now);
  const Chevron = open ? IconChevronDown : IconChevronRight;
  return (
    <li>
      <button
        type="button"
        className={css.head}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Chevron size={16} aria-hidden />
        <StatusBadge look={runStatus(run)} />
        {running && run.progress > 0 && <span className="live-number">{run.progress} %</span>}
        <span className={`dim live-number ${css.end}`}>
          {clock(from)}
          {took !== null && ` · ${duration(took)}`}
        </span>
      </button>
      {run.status === "running" && <Bar parts={[{ share: run.progress / 100 }]} />}
      {["queued", "waiting"].includes(run.status) && run.review?.state !== "waiting" && (
        <p className="dim">{waitingWords(run)}</p>
      )}
      {run.error && !isRejected(run) && <pre className={css.error}>{plainReason(run.error)}</pre>}
      {run.input_at_fault && (
        <p>{t("The data are at fault: trying again on the same is of no use.")}</p>
      )}
      {newest && Object.keys(run.values ?? {}).length > 0 && <JsonView value={run.values} />}
      {newest && <Reasons reasons={run.warnings ?? []} />}
      {run.review && run.review.state !== "waiting" && <Decided review={run.review} />}
      {newest && <RunActions run={run} />}
      {open && <RunBody run={run} />}
    </li>
  );
}

/** What may be done with a run: stopped, or done over again. */
export function RunActions({ run }: { run: Run }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const act = useMutation({
    mutationFn: () => (isOpen(run) ? cancelRun(run.id) : retryRun(run.id)),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.runs(run.task_id) }),
        client.invalidateQueries({ queryKey: runKeys.all }),
        client.invalidateQueries({ queryKey: ["exam"] }),
      ]),
  });
  if (!isOpen(run) && !mayRetry(run)) return null;
  const running = isOpen(run);
  return (
    <>
      {run.status === "waiting" && run.review?.state === "waiting" && (
        <Deciding
          review={run.review}
          ask={t("Look at what it works on, and decide whether the job begins.")}
          isNext
          send={(decision, comment) => reviewRun(run.id, decision, comment)}
          changed={[keys.runs(run.task_id), runKeys.all, ["exam"]]}
        />
      )}
      <div className={page.buttons}>
        <Button
          size="xs"
          variant="default"
          leftSection={running ? <IconSquare size={16} /> : <IconRefresh size={16} />}
          {...guarded(mayNot)}
          loading={act.isPending}
          onClick={() => act.mutate()}
        >
          {running ? t("Stop the job") : t("Do it over again")}
        </Button>
      </div>
      <ErrorLine error={act.error} />
    </>
  );
}

/** What it was told, worked on and said. */
export function RunBody({ run }: { run: Run }) {
  const mayNot = useMayTryOut();
  const { inputs = [], machine, parameters = {} } = run;
  return (
    <div className={css.body}>
      {run.started_at &&
        (mayNot ? (
          run.log_tail && <LogTail text={run.log_tail} />
        ) : (
          <LogView
            of={run.job_id}
            run={run.id}
            step={null}
            live={run.status === "running"}
            read={(offset) => readRunLog(run.id, offset)}
            url={runLogUrl(run.id)}
          />
        ))}
      <dl className={page.facts}>
        <dt>{t("Job")}</dt>
        <dd>
          {run.job_id}
          {run.job_version && <span className="dim"> {run.job_version}</span>}
        </dd>
        {run.requested_by?.startsWith("user:") && (
          <>
            <dt>{t("Asked for by")}</dt>
            <dd>{authorName(run.requested_by)}</dd>
          </>
        )}
        {run.exit_code != null && (
          <>
            <dt>{t("Exit code")}</dt>
            <dd className="live-number">{run.exit_code}</dd>
          </>
        )}
        {inputs.map(({ result_id, kind, files, size_bytes, sha256 }) => (
          <div key={result_id} className={page.fact}>
            <dt>{t("Input")}</dt>
            <dd title={sha256 ? t("SHA-256 {sha256}", { sha256 }) : undefined}>
              {[
                kind?.replaceAll("_", " "),
                files != null && plural(files, "{n} file", "{n} files"),
                size_bytes != null && sizeWords(size_bytes),
              ]
                .filter(Boolean)
                .join(", ") || t("a result")}
            </dd>
          </div>
        ))}
        {machine && (
          <>
            <dt>{t("Computed on")}</dt>
            <dd>
              {t("{host}, {processors}, Python {python}", {
                host: machine.host,
                processors: plural(machine.cpus, "{n} processor", "{n} processors"),
                python: machine.python,
              })}
            </dd>
          </>
        )}
        {Object.keys(parameters).length > 0 && (
          <>
            <dt>{t("Parameters")}</dt>
            <dd>
              <JsonView value={parameters} />
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}

import { Button } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { runQueries } from "../../api/runQueries";
import type { Run } from "../../api/types";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import {
  dayAndClock,
  duration,
  plainReason,
  secondsBetween,
  withLocalTimes,
} from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import page from "../../shared/page.module.css";
import { QueryView, Reasons } from "../../shared/states";
import { useNow } from "../../shared/useNow";
import { Decided } from "../processing/Review";
import { PriorityChoice } from "./PriorityChoice";
import { isOpen, isRejected, mayRetry, runStatus } from "./run";
import { RunActions, RunBody } from "./Runs";
import { RunTimeline } from "./RunTimeline";
import { SessionLeft } from "./SessionLeft";

interface Props {
  id: string;
  jobs: Map<string, string>;
  devices: Map<string, string>;
  onClose: () => void;
  onSelect: (id: string) => void;
}

/** One run: how it went, what it was told and worked on, what it said and left. */
export function RunDetail({ id, jobs, devices, onClose, onSelect }: Props) {
  const query = useQuery(runQueries.run(id));
  return (
    <aside className={page.detail} aria-label={t("Run")}>
      <QueryView query={query} rows={8} safe={t("The job itself is not affected.")}>
        {(run) => (
          <>
            <DetailHead
              title={jobs.get(run.job_id) ?? run.job_id}
              about={<Times run={run} />}
              look={runStatus(run)}
              onClose={onClose}
            />
            <Why run={run} />
            <Where run={run} devices={devices} onSelect={onSelect} />
            {Object.keys(run.values ?? {}).length > 0 && (
              <DetailSection title={t("What it found")}>
                <JsonView value={run.values} />
              </DetailSection>
            )}
            <SessionLeft run={{ kind: "exam", id: run.id }} open={isOpen(run)} />
            <DetailSection title={t("Log, parameters, inputs")}>
              <RunBody run={run} />
            </DetailSection>
            <RunTimeline id={run.id} />
          </>
        )}
      </QueryView>
    </aside>
  );
}

function Times({ run }: { run: Run }) {
  const now = useNow(isOpen(run));
  const took = secondsBetween(run.started_at, run.ended_at ? Date.parse(run.ended_at) : now);
  return (
    <>
      {t("Asked for {createdAt}{took}{status}", {
        createdAt: dayAndClock(run.created_at),
        took: took !== null ? ` · ${duration(took)}` : "",
        status: run.status === "running" ? ` · ${run.progress} %` : "",
      })}
    </>
  );
}

function Why({ run }: { run: Run }) {
  // One that went well has nothing more to say, and nothing is to be done with it.
  const told =
    run.error || run.review || isOpen(run) || mayRetry(run) || (run.warnings ?? []).length > 0;
  if (!told) return null;
  return (
    <section className={page.detailSection} aria-label={t("How it went")}>
      {run.error && !isRejected(run) && (
        <p className={page.reason} data-fault={run.status !== "canceled" || undefined}>
          {withLocalTimes(plainReason(run.error))}
        </p>
      )}
      {run.review && run.review.state !== "waiting" && <Decided review={run.review} />}
      {isOpen(run) && run.waits_for && run.review?.state !== "waiting" && (
        <p className={page.reason}>
          {withLocalTimes(run.waits_for)}
          {run.waits_until &&
            t(" Until {waitsUntil} at most.", { waitsUntil: dayAndClock(run.waits_until) })}
        </p>
      )}
      {run.input_at_fault && (
        <p>{t("The data are at fault: trying again on the same is of no use.")}</p>
      )}
      <Reasons reasons={run.warnings ?? []} />
      {["queued", "waiting"].includes(run.status) && (
        <PriorityChoice run={{ kind: "exam", id: run.id }} priority={run.priority ?? "normal"} />
      )}
      <RunActions run={run} />
    </section>
  );
}

function Where({ run, devices, onSelect }: Pick<Props, "devices" | "onSelect"> & { run: Run }) {
  const { retry_of, exam_id, device_id } = run;
  return (
    <DetailSection title={t("Where it belongs")}>
      <dl className={page.facts}>
        <dt>{t("Exam")}</dt>
        <dd>
          {exam_id ? (
            <Link to="/exams/$examId" params={{ examId: exam_id }} search={{ task: run.task_id }}>
              {t("Open the exam at this task")}
            </Link>
          ) : (
            <span className="dim">{t("Not known yet.")}</span>
          )}
        </dd>
        <dt>{t("Scanner")}</dt>
        <dd>
          {(device_id && (devices.get(device_id) ?? t("A scanner that is gone"))) || (
            <span className="dim">{t("Not known.")}</span>
          )}
        </dd>
        <dt>{t("Run of the task")}</dt>
        <dd className="live-number">{run.attempt}</dd>
        {run.deadline_at && (
          <>
            <dt>{t("Deadline")}</dt>
            <dd>{dayAndClock(run.deadline_at)}</dd>
          </>
        )}
      </dl>
      {retry_of && (
        <div className={page.buttons}>
          <Button
            size="xs"
            variant="default"
            rightSection={<IconArrowRight size={16} />}
            onClick={() => onSelect(retry_of)}
          >
            {t("The run that it does over again")}
          </Button>
        </div>
      )}
    </DetailSection>
  );
}

import { Button } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { triggerTask } from "../../api/endpoints";
import { queries } from "../../api/queries";
import { type AcquisitionTask, type Exam, isScan, type JobTask, type Task } from "../../api/types";
import { plural, t } from "../../i18n";
import { capitalised, clock, duration, plainReason, secondsBetween } from "../../shared/format";
import { Empty, ErrorLine } from "../../shared/states";
import { isActive } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { LostScan } from "../acquisition/LostScan";
import { taskLook } from "../acquisition/silence";
import { useSilence } from "../acquisition/useSilence";
import { Dispatches } from "../runs/Dispatches";
import { JobParameters } from "../jobs/JobParameters";
import { Runs } from "../runs/Runs";
import { DeviceSelect } from "./DeviceSelect";
import css from "./exam.module.css";
import { Fact } from "./Fact";
import { SafetySection } from "./SafetySection";
import { ScanForm } from "./ScanForm";
import { ScanLimits } from "./ScanLimits";
import { Timeline } from "./Timeline";
import { shownReason } from "./repeatReasons";
import type { Located } from "./tree";

/** Everything about the selected task; nothing here opens a dialog. */
export function Inspector({ exam, selected }: { exam: Exam; selected: Located | null }) {
  return (
    // A scrolling region has to be reachable by keyboard even when nothing in it takes the focus.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <aside className={css.inspector} aria-label={t("Inspector")} tabIndex={0}>
      {selected ? (
        <TaskInspector key={selected.task.id} exam={exam} task={selected.task} />
      ) : (
        <Empty title={t("Nothing selected")}>{t("Choose a task in the queue.")}</Empty>
      )}
    </aside>
  );
}

function TaskInspector({ exam, task }: { exam: Exam; task: Task }) {
  const silence = useSilence(task);
  return (
    <>
      {silence && <LostScan task={task} silence={silence} />}
      <header className={css.inspectorHead}>
        <h2>{task.name}</h2>
        <StatusBadge look={taskLook(task, silence)} />
        {task.description && <p className="dim">{task.description}</p>}
        {task.status_reason && (
          <p className={css.statusReason} data-fault={task.status === "ERROR" || undefined}>
            {capitalised(plainReason(task.status_reason))}
          </p>
        )}
      </header>
      {isScan(task) ? <ScanFacts exam={exam} task={task} /> : <JobFacts exam={exam} task={task} />}
      <Results task={task} />
      <Dispatches exam={exam} task={task} />
      <Timeline taskId={task.id} />
    </>
  );
}

function ScanFacts({ exam, task }: { exam: Exam; task: AcquisitionTask }) {
  const patientId = exam.patient_id ?? "";
  const patient = useQuery({ ...queries.patient(patientId), enabled: patientId !== "" }).data;
  const position = exam.patient_position ?? null;
  return (
    <>
      <Section title={t("Scan")}>
        <DeviceSelect task={task} />
        <ScanForm task={task} patient={patient ?? null} position={position} />
        <dl className={css.facts}>
          {task.repeat_reason && <Fact name={t("Repeat")}>{shownReason(task.repeat_reason)}</Fact>}
          <Times task={task} />
        </dl>
      </Section>
      <SafetySection task={task} patient={patient ?? null} position={position} />
      <Section
        title={task.acquisition_limits ? t("Limits sent with the scan") : t("Limits to be sent")}
      >
        <ScanLimits exam={exam} task={task} patient={patient ?? null} />
      </Section>
    </>
  );
}

function JobFacts({ exam, task }: { exam: Exam; task: JobTask }) {
  const run = useMutation({ mutationFn: () => triggerTask(task.id) });
  const all = exam.workflows.flatMap(({ tasks }) => tasks);
  const inputs = task.input_task_ids.map(
    (id) => all.find((other) => other.id === id)?.name ?? t("a task that no longer exists"),
  );
  const again = task.results.length > 0 || task.status === "ERROR";
  return (
    <>
      <Section title={t("Job")}>
        <dl className={css.facts}>
          <Fact name={t("Input")}>{inputs.join(", ") || t("none")}</Fact>
          <Times task={task} />
        </dl>
        <JobParameters task={task} />
        <p className="dim">{t("Starts by itself when its input is stored.")}</p>
        <Button
          variant="default"
          leftSection={<IconPlayerPlay size={16} />}
          disabled={isActive(task.status)}
          loading={run.isPending}
          onClick={() => run.mutate()}
        >
          {again ? t("Run again") : t("Run now")}
        </Button>
        <ErrorLine error={run.error} />
      </Section>
      <Runs task={task} />
    </>
  );
}

function Times({ task }: { task: Task }) {
  if (!task.started_at) return null;
  const took = task.finished_at
    ? secondsBetween(task.started_at, Date.parse(task.finished_at))
    : null;
  return (
    <>
      <Fact name={t("Started")}>{clock(task.started_at)}</Fact>
      {task.finished_at && (
        <Fact name={t("Ended")}>
          {clock(task.finished_at)}
          {took !== null && (
            <span className="dim"> {t("after {took}", { took: duration(took) })}</span>
          )}
        </Fact>
      )}
    </>
  );
}

function Results({ task }: { task: Task }) {
  if (task.results.length === 0) return null;
  return (
    <Section title={t("Results")}>
      <ul className={css.lines}>
        {task.results
          .toSorted((a, b) => b.datetime_created.localeCompare(a.datetime_created))
          .slice(0, SHOWN)
          .map((result) => (
            <li key={result.id}>
              <span>{result.type === "NOT_SET" ? t("Not complete") : result.type}</span>
              <span className="dim">
                {result.files.length === 1
                  ? result.files[0]
                  : plural(result.files.length, "{n} file", "{n} files")}
              </span>
              <span className="dim">{clock(result.datetime_created)}</span>
            </li>
          ))}
      </ul>
      {task.results.length > SHOWN && (
        <p className="dim">
          {t("and {n} earlier, under Files", { n: task.results.length - SHOWN })}
        </p>
      )}
    </Section>
  );
}

const SHOWN = 3;

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={css.section} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

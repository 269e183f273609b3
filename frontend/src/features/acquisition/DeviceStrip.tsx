import {
  IconAlertTriangle,
  IconCircleCheck,
  IconLoader2,
  IconPlayerPlay,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import {
  type AcquisitionTask,
  type Device,
  type Exam,
  isScan,
  type Patient,
  type Task,
} from "../../api/types";
import { t } from "../../i18n";
import { clock, duration, secondsBetween } from "../../shared/format";
import { DEVICE_STATUS, isActive, LOST, STOP_UNCONFIRMED } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { useUnsaved } from "../exam/drafts";
import type { OpenExam } from "../shell/openExam";
import { StreamBadge, useStreamState } from "../shell/StreamBadge";
import css from "./acquisition.module.css";
import { LogLine } from "./LogLine";
import { PauseButton } from "./PauseButton";
import { Progress } from "./Progress";
import { remainingSeconds } from "./progress";
import { Dismiss, Refusal } from "./Refusal";
import type { Silence } from "./silence";
import { PHASE_WORDS, type StartPhase, startReasons } from "./start";
import { acquisitionsOf } from "./stop";
import { dismissStopOutcome, StopButton, useStopOutcome } from "./StopButton";
import { useSilence } from "./useSilence";
import { useStart } from "./useStart";

const PositionMenu = lazy(() => import("../exam/PositionMenu"));
const PatientModal = lazy(() => import("../patients/PatientModal"));

interface Props {
  exam: Exam | null;
  patient: Patient | null;
  open: OpenExam;
}

export function DeviceStrip({ exam, patient, open }: Props) {
  const stream = useStreamState();
  const devices = useQuery(queries.devices);
  const onExamPage = useRouterState({
    select: (state) => state.location.pathname === `/exams/${open.examId}`,
  });
  const scans = acquisitionsOf(exam);
  const active = scans.find((task) => isActive(task.status)) ?? null;
  const silence = useSilence(active);
  const selected =
    exam?.workflows.flatMap((workflow) => workflow.tasks).find(({ id }) => id === open.taskId) ??
    null;
  const shown =
    active ??
    (selected && isScan(selected) ? selected : null) ??
    scans.find((task) => task.status !== "FINISHED" && task.device_id) ??
    scans.find((task) => task.device_id) ??
    null;
  const deviceOf = (task: AcquisitionTask | null): Device | null | undefined =>
    task?.device_id && !devices.data
      ? undefined
      : (devices.data?.find((device) => device.id === task?.device_id) ?? null);
  const offline = active !== null && deviceOf(active)?.status === "OFFLINE";
  const unsaved = useUnsaved(selected);
  const reasons = startReasons({
    task: selected,
    patient,
    position: exam?.patient_position ?? null,
    device: deviceOf(selected && isScan(selected) ? selected : null),
    stream,
    onExamPage,
    unsaved,
  });
  return (
    <footer
      className={css.strip}
      data-testid="device-strip"
      data-stale={stream.kind === "stale" || undefined}
      data-silent={silence?.kind}
      aria-label={t("Device")}
    >
      <Notice task={selected} />
      <DeviceFace device={deviceOf(shown)} />
      <div className={css.scanColumn}>
        <ScanFace
          task={active}
          examId={open.examId}
          silence={silence}
          offline={offline}
          next={shown?.id === selected?.id ? shown : null}
          phaseShown={active?.id !== selected?.id}
        />
        <LogLine task={active ?? shown} />
      </div>
      <StreamBadge />
      <StartControl
        task={selected}
        reasons={reasons}
        patient={patient}
        exam={exam}
        silent={active?.id === selected?.id && (offline || silence !== null)}
      />
      <PauseButton task={silence ? null : active} device={deviceOf(active) ?? null} />
      <StopButton exam={exam} />
    </footer>
  );
}

function DeviceFace({ device }: { device: Device | null | undefined }) {
  return (
    <div className={css.device}>
      {device ? (
        <>
          <span className={css.deviceName}>{device.name}</span>
          <StatusBadge look={DEVICE_STATUS[device.status]} />
        </>
      ) : (
        <span className="dim">
          {device === undefined ? t("Reading devices") : t("No device chosen")}
        </span>
      )}
    </div>
  );
}

function ScanFace({
  task,
  examId,
  silence,
  offline,
  next,
  phaseShown,
}: {
  task: AcquisitionTask | null;
  examId: string;
  silence: Silence | null;
  /** Its scanner is out of reach, and may scan on. */
  offline: boolean;
  next: AcquisitionTask | null;
  /** The Start button says the phase of the selected task; here it is said of another one. */
  phaseShown: boolean;
}) {
  const sequences = useQuery({ ...queries.sequences, enabled: task !== null });
  const now = useNow(task !== null);
  const { phase } = useStart(task);
  if (!task) {
    return (
      <div className={css.scan}>
        {next && (
          <span className="dim">
            {next.status === "FINISHED" ? t("Again") : t("Next")}: {next.name}
          </span>
        )}
      </div>
    );
  }
  if (silence) return <SilentFace task={task} examId={examId} silence={silence} />;
  const elapsed = secondsBetween(task.started_at, now);
  const planned =
    sequences.data?.find(({ _id }) => _id === task.sequence_id)?.facts?.duration_s ?? null;
  const left = remainingSeconds(task.progress, elapsed, planned);
  return (
    <div className={css.scan} role="group" aria-label={t("Scan progress")}>
      <span className={css.scanName}>{task.name}</span>
      <Progress task={task} wide />
      <span className={`${css.times} live-number`}>
        {offline && (
          <strong className={css.lost} role="alert">
            {t("No contact: the scanner may still scan")}
          </strong>
        )}
        {offline ? null : phase.kind === "running" || phase.kind === "idle" ? (
          <>
            {elapsed !== null && (
              <span>{t("{elapsed} elapsed", { elapsed: duration(elapsed) })}</span>
            )}
            {left !== null && (
              <span className="dim">{t("{left} left", { left: duration(left) })}</span>
            )}
          </>
        ) : (
          phaseShown && (
            <span
              style={{ color: phase.kind === "unconfirmed" ? "var(--status-fault)" : undefined }}
            >
              {PHASE_WORDS[phase.kind]}
            </span>
          )
        )}
      </span>
    </div>
  );
}

/** A scan that nobody answers for; the way to it from every page. */
function SilentFace({
  task,
  examId,
  silence,
}: {
  task: AcquisitionTask;
  examId: string;
  silence: Silence;
}) {
  const Icon = silence.kind === "lost" ? LOST.icon : STOP_UNCONFIRMED.icon;
  const what = silence.kind === "lost" ? t("Lost") : t("Stop not confirmed");
  return (
    <div className={css.scan} role="group" aria-label={t("Scan progress")}>
      <span className={css.scanName}>{task.name}</span>
      <Link
        to="/exams/$examId"
        params={{ examId }}
        search={{ task: task.id }}
        className={`${css.silentLink} live-number`}
      >
        <Icon size={18} aria-hidden />
        {t("{what}{since}: go to the scanner", {
          what,
          since: silence.since ? t(" since {since}", { since: clock(silence.since) }) : "",
        })}
      </Link>
    </div>
  );
}

const phaseWords = (task: Task | null, { kind }: StartPhase): string =>
  task?.status === "PAUSED" ? t("Paused") : PHASE_WORDS[kind];

function StartControl({
  task,
  reasons,
  patient,
  exam,
  silent,
}: {
  task: Task | null;
  reasons: ReturnType<typeof startReasons>;
  patient: Patient | null;
  exam: Exam | null;
  /** Its scan is under way, and nothing is heard of the scanner: it is not said to be running. */
  silent: boolean;
}) {
  const { start, phase } = useStart(task);
  const [editing, setEditing] = useState(false);
  const waiting = phase.kind === "requested" || phase.kind === "unconfirmed";
  const first = reasons[0];
  const disabled = first !== undefined || phase.kind !== "idle";
  const words = silent
    ? ""
    : phase.kind !== "idle"
      ? phaseWords(task, phase)
      : first && `${first.text}${reasons.length > 1 ? ` (+${reasons.length - 1})` : ""}`;
  const fixable = phase.kind === "idle" && first?.fix;
  const fix = () => {
    if (first?.fix === "patient") setEditing(true);
    else document.querySelector<HTMLInputElement>("[data-device-select] input")?.focus();
  };
  return (
    <div className={css.start}>
      <span
        id="start-reason"
        className={css.reason}
        data-testid="start-reason"
        title={reasons.map((reason) => reason.text).join("\n")}
        data-fault={phase.kind === "unconfirmed" || undefined}
      >
        {fixable === "position" && exam ? (
          <Suspense fallback={words}>
            <PositionMenu exam={exam} position="top-end">
              <button type="button" className={css.fix}>
                {words}
              </button>
            </PositionMenu>
          </Suspense>
        ) : fixable ? (
          <button type="button" className={css.fix} onClick={fix}>
            {words}
          </button>
        ) : (
          words
        )}
      </span>
      <button
        type="button"
        className={css.startButton}
        aria-label={t("Start scan")}
        aria-describedby="start-reason"
        disabled={disabled}
        onClick={() => void start()}
      >
        {waiting ? (
          <IconLoader2 size={18} className={css.spin} aria-hidden />
        ) : (
          <IconPlayerPlay size={18} aria-hidden />
        )}
        {t("Start")}
      </button>
      {editing && patient && (
        <Suspense>
          <PatientModal patient={patient} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** What the last Start or Stop came to; stays until it is read and closed. */
function Notice({ task }: { task: Task | null }) {
  const stopped = useStopOutcome();
  const { refusal, dismiss, start } = useStart(task);
  if (stopped) {
    const bad = stopped.kind === "unconfirmed";
    return (
      <div className={css.notice} role="alert" data-bad={bad || undefined}>
        {bad ? (
          <IconAlertTriangle size={18} aria-hidden />
        ) : stopped.kind === "sending" ? (
          <IconLoader2 size={18} className={css.spin} aria-hidden />
        ) : (
          <IconCircleCheck size={18} aria-hidden />
        )}
        <div>
          <strong>
            {stopped.kind === "sending" && t("Stop sent, waiting for the scanner")}
            {stopped.kind === "confirmed" && t("Stop confirmed at {at}", { at: clock(stopped.at) })}
            {bad &&
              t("Stop NOT CONFIRMED at {at}: use the scanner's own stop", {
                at: clock(stopped.at),
              })}
          </strong>
          {stopped.kind !== "sending" && stopped.detail && <div>{stopped.detail}</div>}
        </div>
        {stopped.kind !== "sending" && <Dismiss onClick={dismissStopOutcome} />}
      </div>
    );
  }
  if (refusal && task) {
    return <Refusal task={task} refusal={refusal} start={start} dismiss={dismiss} />;
  }
  return null;
}

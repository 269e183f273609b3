import type { StreamState } from "../../api/events";
import type { AcquisitionSeen } from "../../api/queries";
import {
  type AcquisitionTask,
  type Device,
  isScan,
  type Patient,
  type PatientPosition,
  type Task,
} from "../../api/types";
import { t } from "../../i18n";
import { clock, hasWeight } from "../../shared/format";
import { isActive } from "../../shared/status";

/** Why Start is disabled, and what mends it. Pure: everything it judges is passed in. */

export interface StartReason {
  text: string;
  fix?: "patient" | "position" | "device";
}

export interface StartFacts {
  task: Task | null;
  patient: Patient | null;
  /** How the patient lies; null: nobody has said. */
  position: PatientPosition | null;
  /** The task's device; undefined while devices are still being read. */
  device: Device | null | undefined;
  stream: StreamState;
  onExamPage: boolean;
  /** The inspector shows parameters that are not those that would be started. */
  unsaved?: boolean;
}

export function startReasons({
  task,
  patient,
  position,
  device,
  stream,
  onExamPage,
  unsaved,
}: StartFacts): StartReason[] {
  if (!onExamPage) return [{ text: t("Open the exam to start a scan") }];
  if (!task) return [{ text: t("Select an acquisition in the queue") }];
  if (!isScan(task)) {
    return [{ text: t("Not a scan: run it from the inspector") }];
  }
  if (isActive(task.status)) return [{ text: t("This scan is under way") }];
  const reasons: StartReason[] = [];
  if (unsaved) reasons.push({ text: t("Changed parameters are not saved") });
  const link = linkReason(stream);
  if (link) reasons.push({ text: link });
  if (!patient) reasons.push({ text: t("Patient not read yet") });
  else if (!hasWeight(patient))
    reasons.push({ text: t("Patient weight is missing"), fix: "patient" });
  else if (!patient.height) reasons.push({ text: t("Patient height is missing"), fix: "patient" });
  if (!position) reasons.push({ text: t("How the patient lies is not told"), fix: "position" });
  if (!task.sequence_id) reasons.push({ text: t("No sequence chosen") });
  reasons.push(...deviceReasons(task, device));
  return reasons;
}

function linkReason(stream: StreamState): string | null {
  switch (stream.kind) {
    case "live":
      return null;
    case "connecting":
      return t("Connecting to the live status");
    case "reconnecting":
      return t("Live status is reconnecting");
    case "stale":
      return t("Status is stale since {since}", { since: clock(stream.since) });
  }
}

function deviceReasons(task: AcquisitionTask, device: Device | null | undefined): StartReason[] {
  if (!task.device_id) return [{ text: t("No device chosen"), fix: "device" }];
  if (device === undefined) return [{ text: t("Device state not read yet") }];
  if (device === null) return [{ text: t("The chosen device no longer exists"), fix: "device" }];
  switch (device.status) {
    case "ONLINE":
      return [];
    case "OFFLINE":
      return [{ text: t("{device} is offline", { device: device.name }), fix: "device" }];
    case "BUSY":
      return [{ text: t("{device} is scanning", { device: device.name }) }];
    case "ERROR":
      return [
        {
          text: t("{device} reports a fault{which}", {
            device: device.name,
            which: device.status_detail ? `: ${device.status_detail}` : "",
          }),
        },
      ];
  }
}

/** After this long without the scanner's word the technician is told to look at the scanner. */
export const CONFIRM_WITHIN_MS = 5_000;

export type StartPhase =
  | { kind: "idle" }
  | { kind: "requested" }
  | { kind: "unconfirmed" }
  | { kind: "accepted" }
  | { kind: "running" };

/** A start that this tab has asked for. */
export interface StartAttempt {
  requestedAt: number;
  /** The server has not answered yet; from its answer on, the task itself tells. */
  pending: boolean;
}

/** Never optimistic: a phase is what a message of the server or of the scanner has shown. */
export function startPhase(
  task: Pick<Task, "status" | "started_at"> | null,
  attempt: StartAttempt | null,
  seen: AcquisitionSeen | null,
  now: number,
): StartPhase {
  if (task?.status === "INPROGRESS" || task?.status === "PAUSED") return { kind: "running" };
  const claimed = task?.status === "STARTED";
  if (!claimed && !attempt?.pending) return { kind: "idle" };
  if (seen?.state === "running") return { kind: "running" };
  if (seen?.state === "accepted") return { kind: "accepted" };
  // Our own clock where we asked; after a reload the server's time of the claim.
  const since = attempt?.requestedAt ?? Date.parse(task?.started_at ?? "");
  const late = Number.isFinite(since) && now - since > CONFIRM_WITHIN_MS;
  return { kind: late ? "unconfirmed" : "requested" };
}

export const PHASE_WORDS: Record<StartPhase["kind"], string> = {
  idle: "",
  requested: t("Start requested"),
  unconfirmed: t("Not confirmed: check the scanner"),
  accepted: t("Accepted by the scanner"),
  running: t("Running"),
};

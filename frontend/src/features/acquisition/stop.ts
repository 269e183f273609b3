import {
  type AcquisitionTask,
  type Device,
  type Exam,
  isScan,
  type StopReply,
} from "../../api/types";
import { t } from "../../i18n";
import { isActive } from "../../shared/status";

/** Which scanners STOP reaches. It must always have somewhere to go, without any selection. */

export interface StopTarget {
  deviceId: string;
  taskId?: string;
}

export function stopTargets(exam: Exam | null, devices: Device[]): StopTarget[] {
  const scans = acquisitionsOf(exam).filter((task) => task.device_id);
  const active = scans.filter((task) => isActive(task.status));
  if (active.length > 0) {
    return active.map((task) => ({ deviceId: task.device_id ?? "", taskId: task.id }));
  }
  // Nothing seems to run. The technician sees otherwise, so ask the scanners of this exam, else
  // the busy ones, else all: a stop too many is safe, a stop too few is not.
  const ofExam = [...new Set(scans.map((task) => task.device_id ?? ""))];
  if (ofExam.length > 0) return ofExam.map((deviceId) => ({ deviceId }));
  const busy = devices.filter((device) => device.status === "BUSY");
  return (busy.length > 0 ? busy : devices).map((device) => ({ deviceId: device.id }));
}

export function acquisitionsOf(exam: Exam | null): AcquisitionTask[] {
  return (exam?.workflows ?? []).flatMap((workflow) => workflow.tasks).filter(isScan);
}

export type StopOutcome =
  | { kind: "sending"; at: number }
  | { kind: "confirmed"; at: number; detail: string }
  | { kind: "unconfirmed"; at: number; detail: string };

export function stopOutcome(
  replies: PromiseSettledResult<StopReply>[],
  at: number,
): Exclude<StopOutcome, { kind: "sending" }> {
  const details = replies.map((reply) =>
    reply.status === "rejected" ? messageOf(reply.reason) : (reply.value.detail ?? ""),
  );
  const confirmed =
    replies.length > 0 &&
    replies.every((reply) => reply.status === "fulfilled" && reply.value.confirmed);
  const detail = [...new Set(details.filter(Boolean))].join(" ");
  if (confirmed) return { kind: "confirmed", at, detail };
  return {
    kind: "unconfirmed",
    at,
    detail: replies.length === 0 ? t("No scanner is known to this exam.") : detail,
  };
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : t("The request failed.");
}

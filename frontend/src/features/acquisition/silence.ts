import type { AcquisitionSeen } from "../../api/queries";
import { isScan, type Task } from "../../api/types";
import {
  isActive,
  ITEM_STATUS,
  LOST,
  type StatusLook,
  STOP_UNCONFIRMED,
} from "../../shared/status";

/** A scan of which nobody here knows what the scanner does: somebody has to go and look. */
export interface Silence {
  /** `lost`: no contact. `stopping`: a stop was asked for, and the scanner has not confirmed it. */
  kind: "lost" | "stopping";
  acquisitionId: string;
  since: string | null;
  reason: string | null;
}

export function silenceOf(task: Task | null, seen: AcquisitionSeen | null): Silence | null {
  if (!task || !seen || !isScan(task) || !isActive(task.status)) return null;
  const { state, acquisitionId, since, reason } = seen;
  return state === "lost" || state === "stopping"
    ? { kind: state, acquisitionId, since, reason }
    : null;
}

/** The state of a task as a person has to know it: a lost scan is not a running one. */
export function taskLook(task: Task, silence: Silence | null): StatusLook {
  if (!silence) return ITEM_STATUS[task.status];
  return silence.kind === "lost" ? LOST : STOP_UNCONFIRMED;
}

import type { Protocol } from "../../api/library";
import type { Device, Patient, WorklistItem } from "../../api/types";

/** How far a new installation is. Pure. */

export interface Known {
  devices: Device[];
  protocols: Protocol[];
  patients: Patient[];
  worklist: WorklistItem[];
}

export const STEPS = ["scanner", "protocol", "patient", "scan"] as const;
export type Step = (typeof STEPS)[number];

/** Whether each step is done. */
export function doneSteps({
  devices,
  protocols,
  patients,
  worklist,
}: Known): Record<Step, boolean> {
  return {
    scanner: devices.some(({ status }) => status !== "OFFLINE"),
    protocol: protocols.some(({ released }) => released !== null && released !== undefined),
    patient: patients.length > 0,
    scan: worklist.some(({ exam }) => exam.tasks_finished > 0),
  };
}

/** The step to do next; null when all are done. */
export const nextStep = (done: Record<Step, boolean>): Step | null =>
  STEPS.find((step) => !done[step]) ?? null;

/** The exam that a first scan is made in: the newest one that is not over. */
export const openExam = (worklist: WorklistItem[]): WorklistItem | null =>
  worklist.find(({ exam }) => exam.status !== "FINISHED") ?? worklist[0] ?? null;

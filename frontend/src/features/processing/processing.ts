import { IconPlayerTrackNext, IconRefresh, IconUserQuestion } from "@tabler/icons-react";

import type { ProcessingRun, ProcessingStep, StepState } from "../../api/processing";
import { t } from "../../i18n";
import { secondsBetween } from "../../shared/format";
import { OFF, type StatusLook, workStatus } from "../../shared/status";

/** Where a run of modules stands, in words. Pure. */

const RUN_STATE: Partial<Record<string, StatusLook>> = {
  review: { word: t("To be reviewed"), icon: IconUserQuestion, color: "var(--status-warn)" },
  rejected: { ...workStatus("canceled"), word: t("Rejected") },
};
export const runLook = (state: string): StatusLook => RUN_STATE[state] ?? workStatus(state);

const STEP_STATE: Partial<Record<string, StatusLook>> = {
  waiting: { ...workStatus("queued"), word: t("Not begun") },
  // Nothing was done in this run.
  reused: { ...workStatus("succeeded"), icon: IconRefresh, word: t("Done before") },
  skipped: { ...OFF, icon: IconPlayerTrackNext, word: t("Skipped") },
  timed_out: { ...workStatus("failed"), word: t("Took too long") },
  blocked: { ...OFF, word: t("Blocked") },
};
export const stepLook = (state: StepState): StatusLook => STEP_STATE[state] ?? workStatus(state);

export const isOpen = ({ state }: Pick<ProcessingRun, "state">): boolean =>
  ["queued", "running", "review"].includes(state);

/** What is worth a look by itself: what runs, and what went wrong. */
export const isTelling = ({ state }: Pick<ProcessingStep, "state">): boolean =>
  ["running", "failed", "canceled", "timed_out"].includes(state);

/** Whether it has said anything that could be read. */
export const hasLog = ({ state, started_at }: ProcessingStep): boolean =>
  started_at !== null && state !== "reused" && state !== "waiting";

/** How long it took, or takes until now [s]; null: it has not begun. */
export function tookSeconds(
  { started_at, ended_at }: Pick<ProcessingStep, "started_at" | "ended_at">,
  now: number,
): number | null {
  return secondsBetween(started_at, ended_at ? Date.parse(ended_at) : now);
}

export const isDone = ({ state }: Pick<ProcessingStep, "state">): boolean =>
  ["succeeded", "reused", "skipped"].includes(state);

/** Steps that are done, of all. */
export function doneOf({ steps }: Pick<ProcessingRun, "steps">): { done: number; all: number } {
  return { done: steps.filter(isDone).length, all: steps.length };
}

/** The first step that a further run would do again; null: none is left. */
export const firstUndone = ({ steps }: Pick<ProcessingRun, "steps">): ProcessingStep | null =>
  steps.find((step) => !isDone(step)) ?? null;

/** The series that the modules of a case have made. */
export const madeSeries = <Series extends { derived?: boolean }>(series: Series[]): Series[] =>
  series.filter(({ derived }) => derived);

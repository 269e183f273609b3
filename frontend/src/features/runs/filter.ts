import type { AnyRun, RunFilter, RunKind, RunStatus, Session } from "../../api/runs";
import { dayAndClock } from "../../shared/format";

/** Which runs a list shows, and what is left of one, in words. Pure. */

export const RUN_VIEWS = {
  all: { label: "All", statuses: [] },
  open: { label: "Under way", statuses: ["queued", "waiting", "running", "review"] },
  review: { label: "To review", statuses: ["review"] },
  failed: { label: "Failed", statuses: ["failed", "timed_out"] },
  canceled: { label: "Stopped", statuses: ["canceled", "skipped", "rejected"] },
  succeeded: { label: "Done", statuses: ["succeeded"] },
} as const satisfies Record<string, { label: string; statuses: readonly RunStatus[] }>;
export type RunView = keyof typeof RUN_VIEWS;
export const RUN_VIEW_NAMES = Object.keys(RUN_VIEWS) as RunView[];

export const RUN_KINDS: Record<RunKind, string> = { exam: "Exams", case: "Cases" };
export const RUN_KIND_NAMES = Object.keys(RUN_KINDS) as RunKind[];

export interface RunSearch {
  view: RunView;
  kind: RunKind | null;
  job: string | null;
  device: string | null;
  since: string | null;
}

export const NO_FILTER: RunSearch = {
  view: "all",
  kind: null,
  job: null,
  device: null,
  since: null,
};

export const filterOf = ({ view, kind, job, device, since }: RunSearch): RunFilter => ({
  kind,
  statuses: [...RUN_VIEWS[view].statuses],
  job,
  device,
  since,
});

export const isFiltered = (search: RunSearch): boolean =>
  (Object.keys(NO_FILTER) as (keyof RunSearch)[]).some((name) => search[name] !== NO_FILTER[name]);

/** Why it waits or went wrong, else how far it is. */
export function whyWords({ reason, status, kind, progress, at, steps_done, jobs }: AnyRun): string {
  if (reason) return reason;
  if (status !== "running") return "";
  return kind === "exam" ? `${progress} %` : `${at}, ${steps_done} of ${jobs.length} done`;
}

/** How long is kept what the jobs of a run left. */
export function keptWords({ status, until, hold, hold_reason }: Session): string {
  if (hold) return `Held until somebody releases it${hold_reason ? `: ${hold_reason}` : "."}`;
  if (status === "open" || status === undefined) return "Shown once the job has ended.";
  if (until) return `Kept until ${dayAndClock(until)}: its job says so.`;
  return status === "succeeded"
    ? "Kept as long as the installation keeps logs."
    : "Kept until another run of the task has succeeded.";
}

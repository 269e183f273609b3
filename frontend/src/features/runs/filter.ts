import type { RunFilter, RunStatus, Session } from "../../api/runs";
import { dayAndClock } from "../../shared/format";

/** Which runs a list shows, and what is left of one, in words. Pure. */

export const RUN_VIEWS = {
  all: { label: "All", statuses: [] },
  open: { label: "Under way", statuses: ["queued", "waiting", "running"] },
  failed: { label: "Failed", statuses: ["failed", "timed_out"] },
  canceled: { label: "Stopped", statuses: ["canceled", "skipped"] },
  succeeded: { label: "Done", statuses: ["succeeded"] },
} as const satisfies Record<string, { label: string; statuses: readonly RunStatus[] }>;
export type RunView = keyof typeof RUN_VIEWS;
export const RUN_VIEW_NAMES = Object.keys(RUN_VIEWS) as RunView[];

export interface RunSearch {
  view: RunView;
  job: string | null;
  device: string | null;
  since: string | null;
}

export const filterOf = ({ view, job, device, since }: RunSearch): RunFilter => ({
  statuses: [...RUN_VIEWS[view].statuses],
  job,
  device,
  since,
});

export const isFiltered = ({ view, job, device, since }: RunSearch): boolean =>
  view !== "all" || job !== null || device !== null || since !== null;

/** How long is kept what the jobs of a run left. */
export function keptWords({ status, until, hold, hold_reason }: Session): string {
  if (hold) return `Held until somebody releases it${hold_reason ? `: ${hold_reason}` : "."}`;
  if (status === "open" || status === undefined) return "Shown once the job has ended.";
  if (until) return `Kept until ${dayAndClock(until)}: its job says so.`;
  return status === "succeeded"
    ? "Kept as long as the installation keeps logs."
    : "Kept until another run of the task has succeeded.";
}

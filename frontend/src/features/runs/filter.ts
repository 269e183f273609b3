import type { AnyRun, RunFilter, RunKind, RunStatus, Session } from "../../api/runs";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";

/** Which runs a list shows, and what is left of one, in words. Pure. */

export const RUN_VIEWS = {
  all: { label: t("All"), statuses: [] },
  open: { label: t("Under way"), statuses: ["queued", "waiting", "running", "review"] },
  review: { label: t("To review"), statuses: ["review"] },
  failed: { label: t("Failed"), statuses: ["failed", "timed_out"] },
  canceled: { label: t("Stopped"), statuses: ["canceled", "skipped", "rejected"] },
  succeeded: { label: t("Done"), statuses: ["succeeded"] },
} as const satisfies Record<string, { label: string; statuses: readonly RunStatus[] }>;
export type RunView = keyof typeof RUN_VIEWS;
export const RUN_VIEW_NAMES = Object.keys(RUN_VIEWS) as RunView[];

export const RUN_KINDS: Record<RunKind, string> = { exam: t("Exams"), case: t("Cases") };
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
  return kind === "exam"
    ? `${progress} %`
    : t("{at}, {stepsDone} of {n} done", { at, stepsDone: steps_done, n: jobs.length });
}

/** How long is kept what the jobs of a run left. */
export function keptWords({ status, until, hold, hold_reason }: Session): string {
  if (hold)
    return t("Held until somebody releases it{which}", {
      which: hold_reason ? `: ${hold_reason}` : ".",
    });
  if (status === "open" || status === undefined) return t("Shown once the job has ended.");
  if (until) return t("Kept until {until}: its job says so.", { until: dayAndClock(until) });
  return status === "succeeded"
    ? t("Kept as long as the installation keeps logs.")
    : t("Kept until another run of the task has succeeded.");
}

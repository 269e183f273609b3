import {
  type Dispatch,
  type DispatchDetail,
  type DispatchStatus,
  DISPATCHES_PER_PAGE,
  type Pause,
  type Priority,
} from "../../api/images";
import { plural, t } from "../../i18n";
import { clock, day, plainReason, withLocalTimes } from "../../shared/format";
import { type StatusLook, workStatus } from "../../shared/status";
import { pauseOf } from "./pauses";

/** Series on their way to targets: how they stand and what may be done with them. */

export const VIEWS = {
  open: { label: t("On the way"), statuses: ["queued", "sending", "waiting"] },
  failed: { label: t("Failed"), statuses: ["failed"] },
  ended: { label: t("Ended"), statuses: ["sent", "canceled"] },
  all: { label: t("All"), statuses: [] },
} as const satisfies Record<string, { label: string; statuses: DispatchStatus[] }>;
export type QueueView = keyof typeof VIEWS;
export const VIEW_NAMES = Object.keys(VIEWS) as [QueueView, ...QueueView[]];

export const PRIORITY_WORDS: Record<Priority, string> = {
  urgent: t("Urgent"),
  normal: t("Normal"),
  offpeak: t("Off-peak"),
};

const ENDED: DispatchStatus[] = ["sent", "failed", "canceled"];
export const isEnded = ({ status }: Pick<Dispatch, "status">) => ENDED.includes(status);

/** What may be tried at once: all that waits or ended without success. */
export const mayRetry = ({ status }: Pick<Dispatch, "status">) =>
  status !== "sending" && status !== "sent";

export const mayRedirect = ({ status }: Pick<Dispatch, "status">) => status !== "sent";

export const takesImages = ({
  enabled,
  direction,
}: {
  enabled: boolean;
  direction: "push" | "pull" | "both";
}) => enabled && direction !== "pull";

/**
 * As the server takes them: what is under way, then urgent ones, then the oldest. Of more than a
 * page, the rest of which may not be here yet, the newest first, as they came.
 */
export function inOrder(all: Dispatch[]): Dispatch[] {
  if (all.length >= DISPATCHES_PER_PAGE) return all;
  const rank = ({ status, priority }: Dispatch) =>
    (isEnded({ status }) ? 10 : status === "sending" ? 0 : 3) +
    (priority === "urgent" ? -1 : priority === "offpeak" ? 1 : 0);
  return all.toSorted((a, b) => {
    const by = rank(a) - rank(b);
    if (by !== 0) return by;
    // What has ended: the last one first.
    return isEnded(a)
      ? (b.ended_at ?? b.created_at).localeCompare(a.ended_at ?? a.created_at)
      : a.created_at.localeCompare(b.created_at);
  });
}

export function dispatchLook(dispatch: Dispatch, pauses: Pause[]): StatusLook {
  const held = !isEnded(dispatch) && dispatch.status !== "sending";
  if (held && pauseOf(pauses, dispatch.target)) return workStatus("paused");
  return workStatus(dispatch.status === "waiting" ? "retry" : dispatch.status);
}

/** One line: why it waits, or why it failed. */
export function whyWords(dispatch: Dispatch): string {
  const { status, error, waits_for, next_attempt_at } = dispatch;
  if (status === "sent" || status === "sending") return "";
  const said = plainReason(error ?? "");
  if (status === "failed" || status === "canceled") return said;
  const waits =
    status === "waiting" && next_attempt_at && !PAUSED.test(waits_for ?? "")
      ? t("Next attempt {soon}.", { soon: soon(next_attempt_at) })
      : withLocalTimes(plainReason(waits_for ?? ""));
  return [said, waits].filter(Boolean).join(" ");
}

/** Images that came late were sent alone: how many, of what is there now. */
export function lateWords({ instances, sent_before }: Dispatch & { sent_before?: number }): string {
  if (!sent_before) return "";
  return t(", {late} late", {
    late: plural(instances - sent_before, "{n} image", "{n} images"),
  });
}

/** How the server begins to tell of a pause, in English: then no attempt is made at its time. */
const PAUSED = /^Paused /;

const soon = (time: string) =>
  day(time) === day(new Date())
    ? t("at {time}", { time: clock(time) })
    : t("on {day} at {time}", { day: day(time), time: clock(time, false) });

/** Many images mostly fail for the same reason: it is told once. */
export function byReason(
  failures: DispatchDetail["failures"],
): { reason: string; uids: string[] }[] {
  const uids = new Map<string, string[]>();
  for (const { reason, sop_instance_uid } of failures) {
    uids.set(reason, [...(uids.get(reason) ?? []), sop_instance_uid]);
  }
  return [...uids].map(([reason, of]) => ({ reason, uids: of }));
}

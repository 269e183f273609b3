import type { Run } from "../../api/types";
import { t } from "../../i18n";
import { dayAndClock, withLocalTimes } from "../../shared/format";
import { type StatusLook, workStatus } from "../../shared/status";
import { runLook } from "../processing/processing";

/** What may be done with a run of a job. Pure. */

export const isOpen = ({ status }: Pick<Run, "status">): boolean =>
  ["queued", "waiting", "running"].includes(status);

/** One that was in vain; the data may be at fault, and then it would be so again. */
export const mayRetry = ({ status }: Pick<Run, "status">): boolean =>
  !isOpen({ status }) && status !== "succeeded";

/** How its state looks: what waits for a person is told from what waits for a place. */
export const runStatus = ({ status, review }: Pick<Run, "status" | "review">): StatusLook =>
  status === "waiting" && review?.state === "waiting" ? runLook("review") : workStatus(status);

/** Its review has ended it: who and why stands with the review, so that nobody says it twice. */
export const isRejected = ({ status, review }: Pick<Run, "status" | "review">): boolean =>
  status === "canceled" && review?.state === "rejected";

/** What a run waits for that has not begun, and until when. */
export function waitingWords({ status, waits_for, waits_until, created_at }: Run): string {
  if (status !== "waiting" || !waits_for)
    return t("Waits for its turn since {createdAt}.", { createdAt: dayAndClock(created_at) });
  const until = waits_until
    ? t(", until {waitsUntil}", { waitsUntil: dayAndClock(waits_until) })
    : "";
  return `${withLocalTimes(waits_for).replace(/\.$/, "")}${until}.`;
}

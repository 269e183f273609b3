import type { Run } from "../../api/types";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";

/** What may be done with a run of a job. Pure. */

export const isOpen = ({ status }: Pick<Run, "status">): boolean =>
  ["queued", "waiting", "running"].includes(status);

/** One that was in vain; the data may be at fault, and then it would be so again. */
export const mayRetry = ({ status }: Pick<Run, "status">): boolean =>
  !isOpen({ status }) && status !== "succeeded";

/** What a run waits for that has not begun, and until when. */
export function waitingWords({ status, waits_for, waits_until, created_at }: Run): string {
  if (status !== "waiting" || !waits_for)
    return t("Waits for its turn since {createdAt}.", { createdAt: dayAndClock(created_at) });
  const until = waits_until
    ? t(", until {waitsUntil}", { waitsUntil: dayAndClock(waits_until) })
    : "";
  return `${waits_for.replace(/\.$/, "")}${until}.`;
}

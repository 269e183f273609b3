import { EVERY_TARGET, type Pause } from "../../api/images";
import { t } from "../../i18n";
import { dayAndClock, plainReason } from "../../shared/format";

/** What is paused, in words. */

/** The pause that a target stands under: its own, or that of all. */
export function pauseOf(pauses: Pause[], target: string): Pause | null {
  return (
    pauses.find((pause) => pause.target === EVERY_TARGET) ??
    pauses.find((pause) => pause.target === target) ??
    null
  );
}

export const placeWords = (target: string | null | undefined): string =>
  target == null ? t("all targets") : target;

/** `by ada since 14:03:00: the archive is serviced`. */
export function pauseWords({ paused_by, paused_at, reason }: Pause): string {
  const since = t("by {pausedBy} since {pausedAt}", {
    pausedBy: plainReason(paused_by),
    pausedAt: dayAndClock(paused_at),
  });
  return reason ? `${since}: ${reason}` : since;
}

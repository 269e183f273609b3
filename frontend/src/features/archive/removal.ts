import { ApiError } from "../../api/problem";
import type { RemovalReason } from "../../api/upkeep";
import { t } from "../../i18n";

/** Removing images by hand: why, and what speaks against it. Pure. */

/** The first three are those for which images are rejected elsewhere too (IHE RAD TF-3, IOCM). */
export const REMOVAL_REASONS: Record<RemovalReason, string> = {
  quality: t("Of no use: motion, noise, wrong region"),
  patient_safety: t("They could mislead: another patient, a wrong side"),
  wrong_worklist_entry: t("Scanned under a wrong order"),
  test_data: t("Test images"),
  on_request: t("Asked for by somebody with the right to it"),
};

export interface RefusedSeries {
  series_instance_uid: string;
  reason: string;
}

/** Of a removal that was refused: each series that may not go, and why. */
export function refusedIn(error: unknown): RefusedSeries[] {
  const refused = error instanceof ApiError ? error.members.refused : null;
  return Array.isArray(refused) ? (refused as RefusedSeries[]) : [];
}

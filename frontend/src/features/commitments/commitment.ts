import type { Commitment, CommitmentDetail, CommitmentState } from "../../api/commitments";
import type { DispatchDetail } from "../../api/images";
import { plural, t } from "../../i18n";
import { syntaxName } from "../../shared/dicomText";
import { dayAndClock } from "../../shared/format";
import { type StatusLook, workStatus } from "../../shared/status";

/** Storage commitment (PS3.4 annex J) in both roles, in words. Pure. */

export const COMMITMENT_STATE: Record<CommitmentState, StatusLook> = {
  waiting: { ...workStatus("waiting"), word: t("To be told") },
  reported: { ...workStatus("done"), word: t("Told") },
  failed: { ...workStatus("failed"), word: t("Not told") },
};
export const COMMITMENT_STATES = ["waiting", "reported", "failed"] as const;

/** `11 of 12 images are kept`; before it was looked for, how many were asked about. */
export function keptWords({ kept, instances }: Commitment): string {
  const images = plural(instances, "{n} image", "{n} images");
  return kept == null ? images : t("{kept} of {images} kept", { kept, images });
}

/** Why a node has not heard yet, or never will. */
export function untoldWords({ state, error, next_attempt_at }: Commitment): string {
  if (state === "reported") return "";
  const next =
    state === "waiting" && next_attempt_at
      ? t("Next attempt {nextAttemptAt}.", { nextAttemptAt: dayAndClock(next_attempt_at) })
      : "";
  return [error, next].filter(Boolean).join(" ");
}

/** What we do not keep, for each image why. */
export const notKept = ({ references }: CommitmentDetail) =>
  references.flatMap(({ sop_instance_uid, failure }) =>
    failure == null ? [] : [{ sop_instance_uid, reason: failure }],
  );

// --- what we ask of a target -------------------------------------------------------------------

type Asked = DispatchDetail["commitments"][number];

/** What a node said when it was asked whether it keeps what was sent. */
export function answerWords({ instances, failures, answered_at }: Asked): string {
  const images = plural(instances, "{n} image", "{n} images");
  if (!answered_at) return t("asked about {images}, no answer yet", { images });
  if (failures === 0) return instances === 1 ? t("keeps it") : t("keeps all {images}", { images });
  return t("keeps {instances} of {images}", { instances: instances - failures, images });
}

/** Images that went in another encoding than they came, by what they became. */
export const recoded = ({ transcoded }: DispatchDetail) =>
  transcoded.map(({ sop_instance_uid, transfer_syntax_uid }) => ({
    sop_instance_uid,
    reason: syntaxName(transfer_syntax_uid),
  }));

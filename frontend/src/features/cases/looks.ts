import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleMinus,
  IconClock,
  IconCpu,
  IconDownload,
  IconEye,
  IconLoader2,
  IconSend,
} from "@tabler/icons-react";

import type { Case, CaseState, RuleFinding } from "../../api/images";
import { plural, t } from "../../i18n";
import type { StatusLook } from "../../shared/status";

/** How the states of cases look, and which of its buttons a case has. */

export const CASE_STATE: Record<CaseState | "processing", StatusLook> = {
  receiving: { word: t("Arriving"), icon: IconDownload, color: "var(--status-running)" },
  waiting: { word: t("Waiting"), icon: IconClock, color: "var(--status-idle)" },
  complete: { word: t("Starting"), icon: IconLoader2, color: "var(--status-running)" },
  processing: { word: t("Processing"), icon: IconCpu, color: "var(--status-running)" },
  dispatching: { word: t("Sending"), icon: IconSend, color: "var(--status-running)" },
  done: { word: t("Done"), icon: IconCircleCheck, color: "var(--status-done)" },
  failed: { word: t("Failed"), icon: IconAlertTriangle, color: "var(--status-fault)" },
  discarded: { word: t("Discarded"), icon: IconBan, color: "var(--status-stopped)" },
};
export const CASE_STATES = Object.keys(CASE_STATE) as CaseState[];

export const RULE_OUTCOME: Record<RuleFinding["outcome"], StatusLook> = {
  fired: { word: t("Fired"), icon: IconCircleCheck, color: "var(--status-done)" },
  did_not_fire: { word: t("Did not fire"), icon: IconCircleMinus, color: "var(--status-idle)" },
  would_fire: { word: t("Would fire"), icon: IconEye, color: "var(--status-running)" },
  error: { word: t("Error"), icon: IconAlertTriangle, color: "var(--status-fault)" },
  not_evaluated: { word: t("Not looked at"), icon: IconCircleMinus, color: "var(--status-idle)" },
};

/** Images may still join it. */
export const isOpen = ({ state }: Pick<Case, "state">) =>
  state === "receiving" || state === "waiting";

export const mayBeDiscarded = (shown: Pick<Case, "state">) =>
  isOpen(shown) || shown.state === "failed";

/** What it is about: a series by its own name, a study by that of the study. */
export function subjectWords({
  kind,
  series_descriptions: [first = "", ...others],
  study_description = "",
}: Pick<Case, "kind" | "series_descriptions" | "study_description">): string {
  if (kind === "study")
    return (
      study_description || plural(others.length + 1, "Study of {n} series", "Study of {n} series")
    );
  return first || t("Series without description");
}

/** By which rule; `follow-up` for images that came late. */
export function ruleWords({ rule, number }: Pick<Case, "rule" | "number">): string {
  const name = rule ?? t("no rule");
  return number > 1 ? t("{name}, follow-up {number}", { name, number }) : name;
}

/** Reasons of the server are sentences; where one waits for a time, it is told too. */
export function caseReason(
  { reason, wish, wished_by }: Pick<Case, "reason" | "wish" | "wished_by">,
  plain: (text: string) => string,
): string {
  if (!wish) return plain(reason);
  const wanted = wish === "complete" ? t("Completed") : t("Discarded");
  return t("{wanted} as soon as nothing arrives any more, asked for by {plain}. {plain2}", {
    wanted,
    plain: plain(wished_by ?? ""),
    plain2: plain(reason),
  });
}

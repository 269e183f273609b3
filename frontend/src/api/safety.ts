import { ApiError } from "./problem";

/** The part of a verdict of the safety gate that the screens use. */
export interface SafetyReason {
  code: string;
  severity: "refuse" | "confirm" | "note";
  text: string;
}

export interface SafetyVerdict {
  outcome: "pass" | "confirm" | "refuse";
  operating_mode?: "normal" | "first_level" | "beyond_first_level" | null;
  reasons: SafetyReason[];
  /** Names what the verdict is about; a confirmation has to bear it. */
  fingerprint: string;
}

export interface SafetyConfirmation {
  fingerprint: string;
  reason: string;
}

/** The verdict that a refused start came with. */
export function verdictOf(error: unknown): SafetyVerdict | null {
  if (!(error instanceof ApiError)) return null;
  const found = error.members.safety as Partial<SafetyVerdict> | null | undefined;
  return typeof found?.fingerprint === "string" && Array.isArray(found.reasons)
    ? (found as SafetyVerdict)
    : null;
}

/** What a person has to answer for before the scan may begin; empty when nobody can. */
export function toConfirm(verdict: SafetyVerdict | null): SafetyReason[] {
  if (verdict?.outcome !== "confirm") return [];
  return verdict.reasons.filter(({ severity }) => severity === "confirm");
}

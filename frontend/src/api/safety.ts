import type { components as device } from "./device-manager";
import { ApiError } from "./problem";
import type { components as workflow } from "./workflow-manager";

export type SafetyReason = device["schemas"]["SafetyReason"];
export type SafetyVerdict = device["schemas"]["SafetyVerdict"];
export type SafetyConfirmation = workflow["schemas"]["ConfirmSafety"];

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

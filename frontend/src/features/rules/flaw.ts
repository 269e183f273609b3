import type { Flaw } from "./ExpressionInput";
import type { Tested } from "./useRuleTest";

/** What is wrong with a condition: what keeps it from being saved before what failed this time. */
export function flawOf({ result }: Tested, refused: string | undefined): Flaw | null {
  const place = result?.place ?? null;
  if (result?.problem) return { message: result.problem, place, severity: "error" };
  if (refused) return { message: refused, place: null, severity: "error" };
  if (result?.error) return { message: result.error, place, severity: "warning" };
  return null;
}

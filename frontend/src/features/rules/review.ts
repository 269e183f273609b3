import type { RuleOptions } from "../../api/routing";
import { t } from "../../i18n";
import { ROLE_WORDS } from "../../shared/roles";
import { AT_DEADLINE } from "./rule";

/** The review that a rule asks for, in words and as it is typed. Pure. */

export type Review = NonNullable<RuleOptions["processing_review"]>;

export const NO_REVIEW_YET: Review = { role: "medical", deadline_s: null, at_deadline: "reject" };
type Asked = Pick<Review, "role" | "deadline_s" | "at_deadline">;
const HOUR_S = 3600;

export function reviewWords({ role, deadline_s, at_deadline }: Asked): string {
  if (deadline_s == null) return t("by {role}", { role: ROLE_WORDS[role] });
  return t("by {role}, within {hours}\u202fh; else {what}", {
    role: ROLE_WORDS[role],
    hours: hoursOf(deadline_s),
    what: AT_DEADLINE[at_deadline],
  });
}

/** `5400` s is typed as 1.5 h; nothing: there is no deadline. */
export const hoursOf = (deadline_s: number | null | undefined): string =>
  deadline_s == null ? "" : String(Number((deadline_s / HOUR_S).toFixed(4)));

/** What was typed, in s; null: no deadline; undefined: it is none. */
export function secondsOf(typed: string): number | null | undefined {
  const text = typed.trim().replace(",", ".");
  if (text === "") return null;
  const hours = Number(text);
  return Number.isFinite(hours) && hours > 0 && hours <= 366 * 24
    ? Math.round(hours * HOUR_S)
    : undefined;
}

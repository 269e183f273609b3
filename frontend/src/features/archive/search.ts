import type { KeptAside } from "../../api/archive";
import { t } from "../../i18n";
import { day } from "../../shared/format";

/** From when on studies are shown. */
export const PERIODS = ["any", "today", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];
export const PERIOD_WORDS: Record<Period, string> = {
  any: t("Any date"),
  today: t("Today"),
  week: t("Last 7 days"),
  month: t("Last 30 days"),
};
const DAYS: Record<Period, number | null> = { any: null, today: 0, week: 6, month: 29 };

/** The first day of a period as DICOM writes it (PS3.5 6.2 DA), by the clock on the wall. */
export function firstDay(period: Period, now: Date): string | null {
  const days = DAYS[period];
  if (days === null) return null;
  const from = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days);
  return day(from).replaceAll("-", "");
}

/** What was kept aside, in words of the page. */
export const ASIDE_WORDS: Record<KeptAside["kind"], string> = {
  quarantine: t("Not readable"),
  conflict: t("Second object of a UID"),
  "other-patient": t("Another patient"),
};

/** Why a scan is repeated. Pure. */

import { t } from "../../i18n";

/** Reasons that are offered, as they are stored: in English, whoever chose them. */
const USUAL: Record<string, string> = {
  "Patient moved": t("Patient moved"),
  "Wrong position": t("Wrong position"),
  Artefact: t("Artefact"),
  "Wrong parameters": t("Wrong parameters"),
};

export const usualReasons = (): string[] => Object.values(USUAL);

/** What is kept with the task: what was chosen in English, what was typed as it is. */
export function storedReason(given: string): string {
  const wanted = given.trim();
  const same = ([, shown]: [string, string]) => shown.toLowerCase() === wanted.toLowerCase();
  return Object.entries(USUAL).find(same)?.[0] ?? wanted;
}

/** What was kept, in the language of the page where it was chosen. */
export const shownReason = (stored: string): string =>
  Object.hasOwn(USUAL, stored) ? (USUAL[stored] ?? stored) : stored;

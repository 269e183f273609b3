import type { Patient, PatientPosition, PregnancyStatus } from "../api/types";
import { t } from "../i18n";

/** What a scan has to mind of a patient, in words. */

export const POSITION_WORDS: Record<PatientPosition, string> = {
  HFS: t("Head first, supine"),
  HFP: t("Head first, prone"),
  HFDR: t("Head first, on the right side"),
  HFDL: t("Head first, on the left side"),
  FFS: t("Feet first, supine"),
  FFP: t("Feet first, prone"),
  FFDR: t("Feet first, on the right side"),
  FFDL: t("Feet first, on the left side"),
};
export const POSITIONS = Object.keys(POSITION_WORDS) as PatientPosition[];

export const PREGNANCY_WORDS: Record<PregnancyStatus, string> = {
  NOT_PREGNANT: t("Not pregnant"),
  POSSIBLY_PREGNANT: t("Possibly pregnant"),
  DEFINITELY_PREGNANT: t("Pregnant"),
  UNKNOWN: t("Not known"),
};

export interface Flag {
  kind: "implant" | "pregnancy" | "allergy" | "alert";
  /** Short enough for the banner. */
  word: string;
  /** All of it. */
  text: string;
}

const listed = (kind: Flag["kind"], word: string, items: string[] | null | undefined): Flag[] =>
  items && items.length > 0 ? [{ kind, word, text: items.join("; ") }] : [];

/** The gravest first. */
export function flagsOf(patient: Patient): Flag[] {
  const pregnancy = patient.pregnancy_status;
  const expecting = pregnancy === "POSSIBLY_PREGNANT" || pregnancy === "DEFINITELY_PREGNANT";
  return [
    ...listed("implant", t("Implant"), patient.implants),
    ...listed("pregnancy", t("Pregnancy"), expecting ? [PREGNANCY_WORDS[pregnancy]] : []),
    ...listed("allergy", t("Allergy"), patient.allergies),
    ...listed("alert", t("Alert"), patient.medical_alerts),
  ];
}

/** Nobody has asked about implants yet. */
export const isUnscreened = (patient: Patient): boolean =>
  patient.implants === null || patient.implants === undefined;

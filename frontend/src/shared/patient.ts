import type { Patient, PatientPosition, PregnancyStatus } from "../api/types";

/** What a scan has to mind of a patient, in words. */

export const POSITION_WORDS: Record<PatientPosition, string> = {
  HFS: "Head first, supine",
  HFP: "Head first, prone",
  HFDR: "Head first, on the right side",
  HFDL: "Head first, on the left side",
  FFS: "Feet first, supine",
  FFP: "Feet first, prone",
  FFDR: "Feet first, on the right side",
  FFDL: "Feet first, on the left side",
};
export const POSITIONS = Object.keys(POSITION_WORDS) as PatientPosition[];

export const PREGNANCY_WORDS: Record<PregnancyStatus, string> = {
  NOT_PREGNANT: "Not pregnant",
  POSSIBLY_PREGNANT: "Possibly pregnant",
  DEFINITELY_PREGNANT: "Pregnant",
  UNKNOWN: "Not known",
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
    ...listed("implant", "Implant", patient.implants),
    ...listed("pregnancy", "Pregnancy", expecting ? [PREGNANCY_WORDS[pregnancy]] : []),
    ...listed("allergy", "Allergy", patient.allergies),
    ...listed("alert", "Alert", patient.medical_alerts),
  ];
}

/** Nobody has asked about implants yet. */
export const isUnscreened = (patient: Patient): boolean =>
  patient.implants === null || patient.implants === undefined;

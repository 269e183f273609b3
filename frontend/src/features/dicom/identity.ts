import type { Patient } from "../../api/types";
import { t } from "../../i18n";
import { dicomName } from "../../shared/dicomText";
import { patientNumber, personName } from "../../shared/format";

/** Whether an image belongs to the patient on the table. A doubt blocks the image. */

export interface ImageIdentity {
  patientId: string;
  /** DICOM person name, `FAMILY^GIVEN`. */
  patientName: string;
}

export type Match = { ok: true } | { ok: false; because: string };

/** Of whom the images have to be, and what to say if they are not. */
export interface Whose {
  /** Where the name is from: "On the table". */
  place: string;
  name: string;
  number: string;
  match: (image: ImageIdentity) => Match;
  advice: string;
}

export const onTheTable = (patient: Patient): Whose => ({
  place: t("On the table"),
  name: personName(patient),
  number: patientNumber(patient),
  match: (image) => matchPatient(image, patient),
  advice: t(
    "Check the patient before scanning on, and report this: an image was filed under the wrong exam.",
  ),
});

/** An archive holds what it was sent: also images without an ID, in a study without one. */
export const ofStudy = (patientId: string, patientName: string): Whose => ({
  place: t("Of the study"),
  name: dicomName(patientName) || t("no name"),
  number: patientId || "none",
  match: (image) => {
    const same = fold(image.patientName) === fold(patientName);
    if (image.patientId.trim() !== patientId.trim()) {
      return { ok: false, because: t("The patient ID in the image is not that of its study.") };
    }
    return same
      ? { ok: true }
      : { ok: false, because: t("The patient name in the image is not that of its study.") };
  },
  advice: t("Report this: images of two patients came under the UID of one study."),
});

export function matchPatient(
  image: ImageIdentity,
  patient: Pick<Patient, "id" | "patient_id" | "first_name" | "last_name">,
): Match {
  const id = image.patientId.trim().toLowerCase();
  if (id === "") return { ok: false, because: t("The image names no patient ID.") };
  // Images made before the hospital's number was entered carry our own id.
  const known = [patient.id, patient.patient_id ?? ""].map((each) => each.trim().toLowerCase());
  if (!known.includes(id)) {
    return { ok: false, because: t("The patient ID in the image is another one.") };
  }
  const [family = "", given = ""] = image.patientName.split("=")[0]?.split("^") ?? [];
  const named = fold(`${family} ${given}`);
  if (named !== "" && named !== fold(`${patient.last_name} ${patient.first_name}`)) {
    return { ok: false, because: t("The patient name in the image is another one.") };
  }
  return { ok: true };
}

function fold(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .toLowerCase();
}

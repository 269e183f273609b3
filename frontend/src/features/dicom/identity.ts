import type { Patient } from "../../api/types";

/** Whether an image belongs to the patient on the table. A doubt blocks the image. */

export interface ImageIdentity {
  patientId: string;
  /** DICOM person name, `FAMILY^GIVEN`. */
  patientName: string;
}

export type Match = { ok: true } | { ok: false; because: string };

export function matchPatient(
  image: ImageIdentity,
  patient: Pick<Patient, "id" | "patient_id" | "first_name" | "last_name">,
): Match {
  const id = image.patientId.trim().toLowerCase();
  if (id === "") return { ok: false, because: "The image names no patient ID." };
  // Images made before the hospital's number was entered carry our own id.
  const known = [patient.id, patient.patient_id ?? ""].map((each) => each.trim().toLowerCase());
  if (!known.includes(id)) {
    return { ok: false, because: "The patient ID in the image is another one." };
  }
  const [family = "", given = ""] = image.patientName.split("=")[0]?.split("^") ?? [];
  const named = fold(`${family} ${given}`);
  if (named !== "" && named !== fold(`${patient.last_name} ${patient.first_name}`)) {
    return { ok: false, because: "The patient name in the image is another one." };
  }
  return { ok: true };
}

export function displayName(personName: string): string {
  const [family = "", given = ""] = personName.split("=")[0]?.split("^") ?? [];
  return [family.toLocaleUpperCase(), given].filter(Boolean).join(", ");
}

function fold(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .toLowerCase();
}

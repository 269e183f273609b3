/** Values of DICOM as people read them. */

import { t } from "../i18n";

/** A person name (PS3.5 6.2 PN), `FAMILY^GIVEN=...`: the way a console names a patient. */
export function dicomName(personName: string): string {
  const [family = "", given = ""] = personName.split("=")[0]?.split("^") ?? [];
  return [family.toLocaleUpperCase(), given].filter(Boolean).join(", ");
}

/** A date (PS3.5 6.2 DA), `YYYYMMDD`, in ISO order; what is none stays as it is. */
export function dicomDate(date: string): string {
  const match = /^(\d{4})(\d{2})(\d{2})$/.exec(date.trim());
  return match ? match.slice(1).join("-") : date;
}

/** A time (PS3.5 6.2 TM), `HHMMSS.FFFFFF`, to the minute. */
export function dicomTime(time: string): string {
  const match = /^(\d{2})(\d{2})/.exec(time.trim());
  return match ? `${match[1]}:${match[2]}` : time;
}

/** Of whom a study is, for a list: a name, or else what there is. */
export function patientWords({
  patient_name,
  patient_id,
}: {
  patient_name?: string;
  patient_id?: string;
}): string {
  return dicomName(patient_name ?? "") || patient_id || t("no name");
}

/** Transfer syntaxes by the names of PS3.6 annex A, in short. */
const SYNTAXES: Record<string, string> = {
  "1.2.840.10008.1.2": "Implicit VR Little Endian",
  "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
  "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
  "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
  "1.2.840.10008.1.2.4.50": "JPEG Baseline",
  "1.2.840.10008.1.2.4.51": "JPEG Extended",
  "1.2.840.10008.1.2.4.57": "JPEG Lossless",
  "1.2.840.10008.1.2.4.70": "JPEG Lossless",
  "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
  "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
  "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
  "1.2.840.10008.1.2.4.91": "JPEG 2000",
  "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
  "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
  "1.2.840.10008.1.2.4.203": "HTJ2K",
  "1.2.840.10008.1.2.5": "RLE Lossless",
};
export const syntaxName = (uid: string): string => SYNTAXES[uid] ?? uid;

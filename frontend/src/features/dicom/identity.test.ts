import { expect, test } from "vitest";

import { aPatient } from "../../testing/builders";
import { displayName, matchPatient } from "./identity";

const patient = aPatient({ first_name: "José María", last_name: "Ramírez" });

test.each([
  ["Ramírez^José María", true],
  ["RAMIREZ^JOSE MARIA", true],
  ["Ramírez^José María^^Dr", true],
  ["", true],
  ["Ramírez^Ana", false],
  ["Curie^Marie", false],
])("the right ID with the name %j matches: %s", (patientName, ok) => {
  expect(matchPatient({ patientId: patient.id.toUpperCase(), patientName }, patient).ok).toBe(ok);
});

test.each(["", "  ", "another-id"])("the ID %j blocks the image whatever the name", (patientId) => {
  expect(matchPatient({ patientId, patientName: "Ramírez^José María" }, patient).ok).toBe(false);
});

test("the hospital's number matches, and so does our own id from before it was entered", () => {
  const numbered = aPatient({ patient_id: "MRN-7" });
  const patientName = "Lovelace^Ada";
  expect(matchPatient({ patientId: "MRN-7 ", patientName }, numbered).ok).toBe(true);
  expect(matchPatient({ patientId: numbered.id, patientName }, numbered).ok).toBe(true);
  expect(matchPatient({ patientId: "MRN-8", patientName }, numbered).ok).toBe(false);
});

test("a DICOM person name is shown as the banner shows it", () => {
  expect(displayName("Lovelace^Ada=洛夫莱斯^爱达")).toBe("LOVELACE, Ada");
});

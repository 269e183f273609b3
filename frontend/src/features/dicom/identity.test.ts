import { expect, test } from "vitest";

import { aPatient } from "../../testing/builders";
import { dicomName } from "../../shared/dicomText";
import { matchPatient, ofStudy } from "./identity";

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
  expect(dicomName("Lovelace^Ada=洛夫莱斯^爱达")).toBe("LOVELACE, Ada");
});

test("an image of the archive has to name the patient of its study, also one without an ID", () => {
  const anonymous = ofStudy("", "");
  expect(anonymous.match({ patientId: "", patientName: "" }).ok).toBe(true);
  expect(anonymous.match({ patientId: "X", patientName: "" }).ok).toBe(false);
  const doe = ofStudy("P-1", "Doe^Jane");
  expect(doe.match({ patientId: "P-1 ", patientName: "DOE^JANE^^" }).ok).toBe(true);
  expect(doe.match({ patientId: "P-1", patientName: "Doe^John" }).ok).toBe(false);
  expect([doe.name, doe.number]).toEqual(["DOE, Jane", "P-1"]);
});

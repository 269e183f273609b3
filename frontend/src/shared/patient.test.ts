import { expect, test } from "vitest";

import { aPatient } from "../testing/builders";
import { flagsOf, isUnscreened } from "./patient";

test("what a scan has to mind is told, the gravest first", () => {
  const patient = aPatient({
    medical_alerts: ["MRSA"],
    allergies: ["Gadobutrol", "Latex"],
    pregnancy_status: "POSSIBLY_PREGNANT",
    implants: ["Pacemaker"],
  });
  expect(flagsOf(patient).map(({ word, text }) => `${word}: ${text}`)).toEqual([
    "Implant: Pacemaker",
    "Pregnancy: Possibly pregnant",
    "Allergy: Gadobutrol; Latex",
    "Alert: MRSA",
  ]);
});

test("nothing to mind is no flag, and not asked is not the same as none", () => {
  expect(flagsOf(aPatient({ implants: [], pregnancy_status: "NOT_PREGNANT" }))).toEqual([]);
  expect(isUnscreened(aPatient({ implants: [] }))).toBe(false);
  expect(isUnscreened(aPatient({ implants: null }))).toBe(true);
});

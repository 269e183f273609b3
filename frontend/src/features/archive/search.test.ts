import { expect, test } from "vitest";

import { newestFirst, type Study, studyOf } from "../../api/archive";
import { firstDay } from "./search";

test("a period begins on a day of the clock on the wall, also over the end of a month", () => {
  const now = new Date(2026, 2, 3, 0, 30);
  expect(firstDay("any", now)).toBeNull();
  expect(firstDay("today", now)).toBe("20260303");
  expect(firstDay("week", now)).toBe("20260225");
  expect(firstDay("month", now)).toBe("20260202");
});

test("a study of a search is read from DICOM JSON, with what is missing left empty", () => {
  const study = studyOf({
    "0020000D": { vr: "UI", Value: ["1.2.3"] },
    "00100010": { vr: "PN", Value: [{ Alphabetic: "Doe^Jane", Ideographic: "X" }] },
    "00100020": { vr: "LO" },
    "00080061": { vr: "CS", Value: ["MR", "SR"] },
    "00201208": { vr: "IS", Value: [12] },
  });
  expect(study).toMatchObject({
    uid: "1.2.3",
    patientName: "Doe^Jane",
    patientId: "",
    modalities: ["MR", "SR"],
    instances: 12,
    series: 0,
    date: "",
  });
});

test("studies that several searches have found stand in the order of their dates", () => {
  const on = (uid: string, date: string, time = "") => ({ uid, date, time }) as Study;
  const found = [on("1", "20260101"), on("3", "20260102", "0900"), on("2", "20260102", "1000")];
  expect(newestFirst(found).map(({ uid }) => uid)).toEqual(["2", "3", "1"]);
});

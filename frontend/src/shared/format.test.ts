import { expect, test } from "vitest";

import {
  ageInYears,
  clock,
  day,
  duration,
  isoDate,
  isRealDate,
  personName,
  plainReason,
  reasonAfter,
  shortId,
  toNumber,
  withLocalTimes,
  withUnit,
} from "./format";

test("a person is named family name first, in capitals", () => {
  expect(personName({ first_name: "José", last_name: "Ramírez" })).toBe("RAMÍREZ, José");
});

test.each([
  ["2000-11-21", 26],
  ["2000-11-22", 25],
  ["2000-12-01", 25],
  ["not a date", null],
])("born %s is %s years old on 2026-11-21", (born, age) => {
  expect(ageInYears(born, new Date(2026, 10, 21))).toBe(age);
});

test.each([
  [0, "0:00"],
  [75.4, "1:15"],
  [3729, "1:02:09"],
  [null, "–"],
  [Number.NaN, "–"],
])("%s seconds read %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("a missing quantity is said, never shown as a number", () => {
  expect(withUnit(null, "kg")).toBe("not given");
  expect(withUnit(61.5, "kg", 1)).toBe("61.5\u202fkg");
});

test("dates and times do not depend on the country", () => {
  const time = new Date(2026, 2, 4, 5, 6, 7);
  expect([day(time), clock(time), clock(time, false), clock(null)]).toEqual([
    "2026-03-04",
    "05:06:07",
    "05:06",
    "–",
  ]);
});

test.each([
  ["19751210", "1975-12-10"],
  ["1975.2.3", "1975-02-03"],
  [" 1975-12-10 ", "1975-12-10"],
  ["10.12.1975", "10.12.1975"],
])("a birth date typed %s is read as %s", (typed, iso) => {
  expect(isoDate(typed)).toBe(iso);
});

test.each([
  ["61.5", 61.5],
  [" 61,5 ", 61.5],
  ["", null],
  ["1e3", null],
  ["-5", null],
  ["60 kg", null],
])("a quantity typed %j is the number %j", (typed, value) => {
  expect(toNumber(typed)).toBe(value);
});

test("a day that is in no calendar is no date", () => {
  expect([isRealDate("2023-02-29"), isRealDate("2024-02-29"), isRealDate("2024-2-9")]).toEqual([
    false,
    true,
    false,
  ]);
});

test("a long id is shown by its end", () => {
  expect(shortId("0193a0b0-0000-7000-8000-00000000ada1")).toBe("0000ADA1");
  expect(shortId("MRN-7")).toBe("MRN-7");
});

test("a reason does not say again the word that it stands beside", () => {
  expect(reasonAfter("Stopped", "stopped by user:technician")).toBe("by technician");
  expect(reasonAfter("Scanner has stopped", "stopped by technician")).toBe("by technician");
  expect(reasonAfter("Failed", "Coil unplugged")).toBe("Coil unplugged");
});

test("how a series was known to be complete is told in words, other reasons as they are", () => {
  expect(plainReason("quiet")).toBe("nothing came for a while");
  expect(plainReason("The series is complete: own run.")).toBe(
    "The series is complete: it is our own scan.",
  );
  expect(plainReason("Complete: quiet.")).toBe("Complete: nothing came for a while.");
  expect(plainReason("asked for by user:ada, quiet as ever.")).toBe(
    "asked for by ada, quiet as ever.",
  );
});

test("times in sentences are those of the clock on the wall", () => {
  const at = "2026-11-22T21:00:00Z";
  expect(withLocalTimes("Off-peak hours begin at 2026-11-22T22:00+01:00.")).toBe(
    `Off-peak hours begin at ${day(at)} ${clock(at, false)}.`,
  );
  expect(withLocalTimes("Sent to PACS.")).toBe("Sent to PACS.");
  expect(withLocalTimes("until 2026-11-22 08:00:59 UTC")).toMatch(/^until 2026-11-22 \d\d:00$/);
  expect(withLocalTimes("Module smooth, since 08:00:00 UTC.")).toMatch(
    /^Module smooth, since \d\d:00:00\.$/,
  );
  // Summer and winter differ: a time without a day is of the day when it was said.
  const said = "2026-07-01T09:00:00Z";
  expect(withLocalTimes("since 08:00:00 UTC.", said)).toBe(
    `since ${clock("2026-07-01T08:00:00Z")}.`,
  );
});

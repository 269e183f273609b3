import { expect, test } from "vitest";

import type { Retrieval } from "../../api/retrievals";
import type { Target } from "../../api/routing";
import {
  EMPTY,
  filterWords,
  foundWords,
  isSource,
  methodsOf,
  numbersIn,
  orderOf,
  problemOf,
  progressWords,
  retrievalLook,
} from "./retrieval";

const aTarget = (changes: object) =>
  ({ name: "PACS", target_type: "dicom", direction: "both", ...changes }) as Target;
const aRetrieval = (changes: Partial<Retrieval> = {}) =>
  ({
    state: "running",
    waits_for: null,
    total: 4,
    done: 1,
    failed: 0,
    canceled: 0,
    filter: {},
    ...changes,
  }) as Retrieval;

test("numbers are read from lists and from tables, each once", () => {
  expect(numbersIn("E1, E2;E1\n\tE3 \r\n")).toEqual(["E1", "E2", "E3"]);
  expect(numbersIn('\ufeffName;Accession Number;Date\nA;"E7";1\nB; E8 ;2\nC\n')).toEqual([
    "E7",
    "E8",
  ]);
  expect(numbersIn("accession\nE1\n\nE1")).toEqual(["E1"]);
  expect(numbersIn(" \n,")).toEqual([]);
});

test("a source is a DICOM node or DICOMweb server from which may be fetched", () => {
  expect(isSource(aTarget({}))).toBe(true);
  expect(isSource(aTarget({ direction: "push" }))).toBe(false);
  expect(isSource(aTarget({ target_type: "folder" }))).toBe(false);
  expect(methodsOf(aTarget({}))).toContain("c-move");
  expect(methodsOf(aTarget({ target_type: "dicomweb" }))).toEqual(["auto", "wado-rs"]);
});

test("an order leaves out what its way rules out", () => {
  const draft = { ...EMPTY, source: "PACS", text: "E1", rule: "heads", destination: "share" };
  expect(orderOf(draft)).toMatchObject({ destination: "share", forced_rule: "" });
  expect(orderOf({ ...draft, method: "c-move" })).toMatchObject({
    destination: "",
    forced_rule: "",
  });
  expect(orderOf({ ...draft, destination: null })).toMatchObject({ forced_rule: "heads" });
  expect(orderOf({ ...draft, modalities: "mr, pt", series: "t2*" }).filter).toEqual({
    modalities: ["MR", "PT"],
    study_descriptions: [],
    series_descriptions: ["t2*"],
  });
});

test("what is missing is told before anything is sent", () => {
  const draft = { ...EMPTY, source: "PACS" };
  expect(problemOf(EMPTY, 3)).toMatch(/where to fetch from/);
  expect(problemOf(draft, 0)).toMatch(/at least one/);
  expect(problemOf(draft, 10_001)).toMatch(/10,000/);
  expect(problemOf({ ...draft, from: "2026-02-01", to: "2026-01-01" }, 1)).toMatch(/last day/);
  expect(problemOf({ ...draft, from: "2026-02-31" }, 1)).toMatch(/no date/);
  expect(problemOf({ ...draft, from: "2026.2.1", to: "20260202" }, 1)).toBeNull();
});

test("how far it is reads in one line, and one that waits is not told as fetching", () => {
  expect(progressWords(aRetrieval({ failed: 2 }))).toBe("1 of 4 studies, 2 failed");
  expect(progressWords(aRetrieval({ total: 1 }))).toBe("1 of 1 study");
  expect(retrievalLook(aRetrieval()).word).toBe("Fetching");
  expect(retrievalLook(aRetrieval({ waits_for: "Its turn." })).word).toBe("Waits");
});

test("what a source has is counted only where it says so", () => {
  const series = { instances: 20 };
  const found = (changes: object) => foundWords({ series: [], ...changes } as never);
  expect(found({ series: [series, series] })).toBe("2 series, 40 images");
  expect(found({ series: [series, { instances: null }] })).toBe("2 series");
  expect(found({})).toBe("nothing");
  expect(found({ error: "It does not answer." })).toBe("It does not answer.");
});

test("a filter is told by what narrows", () => {
  const filter = {
    modalities: ["MR"],
    study_descriptions: [],
    series_descriptions: [],
    study_date_from: "2026-01-01",
  };
  expect(filterWords(aRetrieval({ filter }))).toEqual(["modality MR", "from 2026-01-01"]);
});

import { expect, test } from "vitest";

import { aWorklistItem } from "../../testing/builders";
import { arrange } from "./worklist";

const today = "2026-11-21";
const items = [
  aWorklistItem({ id: "old", scheduled_on: "2026-11-19" }, { last_name: "Ramírez" }),
  aWorklistItem({ id: "done", scheduled_on: today, status: "FINISHED" }),
  aWorklistItem({ id: "open", scheduled_on: today }),
  aWorklistItem({ id: "later", scheduled_on: "2026-11-25" }),
];
const ids = (days: "today" | "all", filter = "") =>
  arrange(items, days, filter, today).map(({ exam }) => exam.id);

test("today shows today's exams, the open ones first", () => {
  expect(ids("today")).toEqual(["open", "done"]);
});

test("all days still begin with today", () => {
  expect(ids("all")).toEqual(["open", "done", "later", "old"]);
});

test("a filter searches all days, without accents, in any order of words", () => {
  expect(ids("today", "ada ramirez")).toEqual(["old"]);
  expect(ids("today", "1975-12-10 lovelace")).toEqual(["open", "done", "later"]);
  expect(ids("today", "nobody")).toEqual([]);
});

import { expect, test } from "vitest";

import { aWorklistItem } from "../../testing/builders";
import { arrange, countStates, matching } from "./worklist";

const today = "2026-11-21";
const items = [
  aWorklistItem({ id: "done", scheduled_on: today, status: "FINISHED" }),
  aWorklistItem({ id: "open", scheduled_on: today, device_ids: ["device-1"] }),
  aWorklistItem({ id: "old", scheduled_on: "2026-11-19" }, { last_name: "Ramírez" }),
  aWorklistItem({ id: "later", scheduled_on: "2026-11-25", status: "PAUSED" }),
];
const any = { search: "", state: null, deviceId: null };
const ids = (found: typeof items) => found.map(({ exam }) => exam.id);

test("the days stay as they came; what runs comes first in a day, then what is open", () => {
  const running = aWorklistItem({ id: "running", scheduled_on: today, status: "INPROGRESS" });
  const found = ids(arrange([...items, running]));
  expect(found).toEqual(["running", "open", "done", "old", "later"]);
});

test("words are found without accents, in any order", () => {
  expect(ids(matching(items, { ...any, search: "ada ramirez" }))).toEqual(["old"]);
  expect(ids(matching(items, { ...any, search: "1975-12-10 lovelace" }))).toEqual([
    "done",
    "open",
    "later",
  ]);
  expect(matching(items, { ...any, search: "nobody" })).toEqual([]);
});

test("a state and a device leave the rest away", () => {
  expect(ids(matching(items, { ...any, state: "running" }))).toEqual(["later"]);
  expect(ids(matching(items, { ...any, deviceId: "device-1" }))).toEqual(["open"]);
});

test("states are counted", () => {
  expect(countStates(items)).toEqual({ planned: 2, running: 1, done: 1, failed: 0, stopped: 0 });
});

import { expect, test } from "vitest";

import { drainWords, loadWords, placeOf, queueLook } from "./work";

const QUEUE = {
  name: "recon",
  description: "",
  waiting: 0,
  running: 0,
  served_by: [],
  paused: null,
  problem: "",
};

test("a pause is seen before all else, then what is wrong", () => {
  const paused = { reason: "", paused_by: "user:ada", paused_at: "2026-11-22T10:00:00Z" };
  expect(queueLook({ ...QUEUE, paused, problem: "x" }).word).toBe("Paused");
  expect(queueLook({ ...QUEUE, problem: "nobody serves it" }).word).toBe("Warning");
  expect(queueLook({ ...QUEUE, running: 1 }).word).toBe("Running");
  expect(queueLook(QUEUE).word).toBe("Idle");
});

test("what a queue holds is said in a few words", () => {
  expect(loadWords({ waiting: 0, running: 0 })).toBe("nothing to do");
  expect(loadWords({ waiting: 1, running: 2 })).toBe("2 under way, 1 waits");
});

test("a process that is drained says whether it still does something", () => {
  const drain = { reason: "", drained_by: "user:ada", drained_at: "2026-11-22T10:00:00Z" };
  const work = { queue: "recon", kind: "run", key: "0199", since: "2026-11-22T10:00:00Z" };
  expect(drainWords({ drain: null, running: [work] })).toBeNull();
  expect(drainWords({ drain, running: [work] })).toMatch(/still works on 1 thing,/);
  expect(drainWords({ drain, running: [] })).toMatch(/can be ended/);
});

test("what a process works on opens where it is looked at", () => {
  expect(placeOf("run", "0199")).toEqual({ to: "/runs", search: { id: "0199" } });
  expect(placeOf("processing", "0199")?.to).toBe("/runs");
  expect(placeOf("commitment", "0199")).toBeNull();
});

import { expect, test } from "vitest";

import type { ProcessingStep } from "../../api/processing";
import { runFileUrl } from "../../api/processing";
import { doneOf, firstUndone, hasLog, isTelling, stepLook, tookSeconds } from "./processing";

const aStep = (changes: Partial<ProcessingStep> = {}): ProcessingStep =>
  ({
    position: 1,
    module: "smooth",
    module_version: 1,
    state: "succeeded",
    reason: "",
    exit_code: 0,
    settings: {},
    output: null,
    log_tail: "",
    started_at: "2026-11-22T19:20:00Z",
    ended_at: "2026-11-22T19:20:08Z",
    ...changes,
  }) as ProcessingStep;

test("a run goes on with the first step that nobody has done", () => {
  const steps = [
    aStep({ state: "reused" }),
    aStep({ position: 2 }),
    aStep({ position: 3, state: "failed" }),
    aStep({ position: 4, state: "waiting" }),
  ];
  expect(doneOf({ steps })).toEqual({ done: 2, all: 4 });
  expect(firstUndone({ steps })?.position).toBe(3);
  expect(firstUndone({ steps: steps.slice(0, 2) })).toBeNull();
});

test("what runs and what failed is open by itself", () => {
  expect(["running", "failed", "canceled"].map((state) => isTelling({ state } as never))).toEqual([
    true,
    true,
    true,
  ]);
  expect(isTelling(aStep())).toBe(false);
});

test("a step that has not begun, or was done before, has no log of its own", () => {
  expect(hasLog(aStep())).toBe(true);
  expect(hasLog(aStep({ state: "reused" }))).toBe(false);
  expect(hasLog(aStep({ state: "waiting", started_at: null }))).toBe(false);
});

test("a step takes time until it has ended", () => {
  const now = Date.parse("2026-11-22T19:21:00Z");
  expect(tookSeconds(aStep(), now)).toBe(8);
  expect(tookSeconds(aStep({ ended_at: null }), now)).toBe(60);
  expect(tookSeconds(aStep({ started_at: null }), now)).toBeNull();
});

test("a state of a newer server is shown by its word", () => {
  expect(stepLook("paged_out" as never).word).toBe("paged_out");
});

test("names of files may have anything in them", () => {
  expect(runFileUrl("1", "a b/c#1.csv")).toMatch(/\/processing\/1\/files\/a%20b\/c%231\.csv$/);
});

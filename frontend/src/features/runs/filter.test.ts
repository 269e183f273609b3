import { expect, test } from "vitest";

import type { Session } from "../../api/runs";
import { aRunOfModules } from "../../testing/builders";
import { filterOf, isFiltered, keptWords, NO_FILTER as NOTHING, whyWords } from "./filter";

test("a view is a set of states", () => {
  expect(filterOf(NOTHING).statuses).toEqual([]);
  expect(filterOf({ ...NOTHING, view: "failed" }).statuses).toEqual(["failed", "timed_out"]);
  expect(isFiltered(NOTHING)).toBe(false);
  expect(isFiltered({ ...NOTHING, since: "2026-11-22" })).toBe(true);
});

test("a run says why it waits or failed, and how far it is while it runs", () => {
  const run = aRunOfModules();
  expect(whyWords({ ...run, reason: "Waits for a module slot." })).toMatch(/^Waits/);
  const running = { ...run, status: "running", at: "grade", steps_done: 1, progress: 50 } as const;
  expect(whyWords(running)).toBe("grade, 1 of 2 done");
  expect(whyWords({ ...running, kind: "exam" })).toBe("50 %");
  expect(whyWords(run)).toBe("");
});

test("how long data are kept is said as the job, a person or the installation wants it", () => {
  const kept: Session = { status: "failed", hold: false, hold_reason: "", hooks: [] };
  expect(keptWords(kept)).toContain("another run");
  expect(keptWords({ ...kept, status: "succeeded" })).toContain("installation");
  expect(keptWords({ ...kept, hold: true, hold_reason: "audit" })).toContain("audit");
  expect(keptWords({ ...kept, status: "open" })).toContain("once the job has ended");
});

import { expect, test } from "vitest";

import type { Session } from "../../api/runs";
import { filterOf, isFiltered, keptWords } from "./filter";

const NOTHING = { view: "all", job: null, device: null, since: null } as const;

test("a view is a set of states", () => {
  expect(filterOf(NOTHING).statuses).toEqual([]);
  expect(filterOf({ ...NOTHING, view: "failed" }).statuses).toEqual(["failed", "timed_out"]);
  expect(isFiltered(NOTHING)).toBe(false);
  expect(isFiltered({ ...NOTHING, since: "2026-11-22" })).toBe(true);
});

test("how long data are kept is said as the job, a person or the installation wants it", () => {
  const kept: Session = { status: "failed", hold: false, hold_reason: "", hooks: [] };
  expect(keptWords(kept)).toContain("another run");
  expect(keptWords({ ...kept, status: "succeeded" })).toContain("installation");
  expect(keptWords({ ...kept, hold: true, hold_reason: "audit" })).toContain("audit");
  expect(keptWords({ ...kept, status: "open" })).toContain("once the job has ended");
});

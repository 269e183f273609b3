import { expect, test } from "vitest";

import { remainingSeconds, trueProgress } from "./progress";

test("progress that nobody has reported is indeterminate, never invented", () => {
  expect(trueProgress({ status: "STARTED", progress: 0 })).toBeNull();
  expect(trueProgress({ status: "INPROGRESS", progress: 0 })).toBeNull();
  expect(trueProgress({ status: "INPROGRESS", progress: 62 })).toBe(62);
  expect(trueProgress({ status: "FINISHED", progress: 0 })).toBe(100);
});

test("time left follows the sequence, else the pace, else is not said", () => {
  expect(remainingSeconds(25, 10, 80)).toBe(60);
  expect(remainingSeconds(20, 10, null)).toBe(40);
  expect(remainingSeconds(2, 10, null)).toBeNull();
  expect(remainingSeconds(100, 10, null)).toBe(0);
});

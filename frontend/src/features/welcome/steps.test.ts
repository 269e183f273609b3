import { expect, test } from "vitest";

import { aDevice, aWorklistItem } from "../../testing/builders";
import { doneSteps, nextStep } from "./steps";

const NOTHING = { devices: [], protocols: [], patients: [], worklist: [] };

test("a new installation begins with a scanner, and one that is offline is not enough", () => {
  expect(nextStep(doneSteps(NOTHING))).toBe("scanner");
  expect(nextStep(doneSteps({ ...NOTHING, devices: [aDevice({ status: "OFFLINE" })] }))).toBe(
    "scanner",
  );
  expect(nextStep(doneSteps({ ...NOTHING, devices: [aDevice({ status: "ONLINE" })] }))).toBe(
    "protocol",
  );
});

test("the scan is done when a task of any exam is finished", () => {
  const item = aWorklistItem();
  const planned = { ...item, exam: { ...item.exam, tasks_finished: 0 } };
  const scanned = { ...item, exam: { ...item.exam, tasks_finished: 1 } };
  expect(doneSteps({ ...NOTHING, worklist: [planned] }).scan).toBe(false);
  expect(doneSteps({ ...NOTHING, worklist: [scanned] }).scan).toBe(true);
});

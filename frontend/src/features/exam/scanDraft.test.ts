import { expect, test } from "vitest";

import type { Sequence } from "../../api/types";
import { aTask } from "../../testing/builders";
import { PLACED, problemOf, readScan, signedNumber, storedAt } from "./scanDraft";
import { effectsOfDraft, voxel } from "./scanEffects";

const one = { x: 1, y: 1, z: 1 };
const zero = { x: 0, y: 0, z: 0 };
const placedAs = (changes = {}) => ({
  fov_scaling: one,
  fov_offset: zero,
  fov_rotation: zero,
  ...changes,
});

test("without a placement the field of view is where the sequence has it", () => {
  const task = aTask({ acquisition_parameter: null });
  expect(PLACED.map((placed) => storedAt(task, placed))).toEqual([one, zero, zero]);
  const read = readScan(task, {});
  expect([read.changed, read.planned.acquisition_parameter]).toEqual([false, null]);
});

test("only what was touched is changed, and typing the same is no change", () => {
  const task = aTask({ acquisition_parameter: placedAs({ fov_offset: { x: 0, y: 3, z: 0 } }) });
  expect(readScan(task, { typed: { "fov_offset.y": "3.0" } }).changed).toBe(false);
  const read = readScan(task, { typed: { "fov_offset.x": "-12,5" }, calibration: ["shims"] });
  expect(read.changed).toBe(true);
  expect(read.planned.acquisition_parameter?.fov_offset).toEqual({ x: -12.5, y: 3, z: 0 });
  expect(read.planned.calibration).toEqual(["shims"]);
});

test("what is out of range is told with value and limit, and is not made to fit", () => {
  const task = aTask();
  const read = readScan(task, { typed: { "fov_scaling.x": "5000", "fov_offset.z": "far" } });
  expect(read.problems).toEqual({
    "fov_scaling.x": "x: 5000 × is too large, the most is 1000 ×",
    "fov_offset.z": "z: a number in mm is needed",
  });
  expect(read.changed).toBe(true);
  expect(read.planned.acquisition_parameter).toBeUndefined();
  const [scaling] = PLACED;
  expect(scaling && problemOf(scaling, "0")).toContain("too small");
});

test("a number may have a sign, a point or a comma", () => {
  expect(["-1", "+1", "1,5", ".5", "1e3", "", "−2"].map(signedNumber)).toEqual([
    -1,
    null,
    1.5,
    0.5,
    null,
    null,
    -2,
  ]);
});

test("a voxel grows with the field of view, and is not told where axes may be mixed up", () => {
  const sequence = {
    facts: { duration_s: 6, field_of_view_m: [0.256, 0.256, 0.005], matrix: [128, 128, 1] },
  } as unknown as Sequence;
  const scaled = (factors: typeof one) =>
    aTask({ acquisition_parameter: placedAs({ fov_scaling: factors }) });
  expect(voxel({ task: aTask(), sequence })).toBe("2 × 2 × 5\u202fmm");
  expect(voxel({ task: scaled({ x: 2, y: 2, z: 2 }), sequence })).toBe("4 × 4 × 10\u202fmm");
  expect(voxel({ task: scaled({ x: 2, y: 1, z: 1 }), sequence })).toBe("not known");
  const side = { task: aTask(), sequence, verdict: undefined };
  const [time] = effectsOfDraft(side, { ...side, sequence: null });
  expect(time).toEqual({ name: "Scan time", before: "0:06", after: "–" });
});

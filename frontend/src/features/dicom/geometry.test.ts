import { expect, test } from "vitest";

import { edgeLetters, scaleBar } from "./geometry";

test.each([
  ["axial", [1, 0, 0], [0, 1, 0], { left: "R", right: "L", top: "A", bottom: "P" }],
  ["coronal", [1, 0, 0], [0, 0, -1], { left: "R", right: "L", top: "H", bottom: "F" }],
  ["sagittal", [0, 1, 0], [0, 0, -1], { left: "A", right: "P", top: "H", bottom: "F" }],
] as const)(
  "an %s slice has the patient's right on the conventional side",
  (_, across, down, letters) => {
    expect(edgeLetters(across, down)).toEqual(letters);
  },
);

test("an oblique slice names the stronger axis first", () => {
  expect(edgeLetters([1, 0, 0], [0, 0.9, -0.436]).top).toBe("AH");
});

test("the scale bar is a round length that fits, or none", () => {
  expect(scaleBar(0.5, 150)).toEqual({ mm: 50, px: 100 });
  expect(scaleBar(0, 150)).toBeNull();
  expect(scaleBar(Number.NaN, 150)).toBeNull();
});

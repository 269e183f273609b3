import { expect, test } from "vitest";

import { presetsOf } from "./presets";

const ramp = Array.from({ length: 1001 }, (_, value) => value);

test("nine presets follow the image's own values, the stored window first", () => {
  const presets = presetsOf(ramp, { lower: 100, upper: 200 });
  expect(presets.map(({ key }) => key).join("")).toBe("123456789");
  expect(presets[0]?.window).toEqual({ lower: 100, upper: 200 });
  expect(presets[1]?.window).toEqual({ lower: 0, upper: 1000 });
});

test("an image of one value still gets windows of some width", () => {
  for (const { window } of presetsOf([7, 7, 7], { lower: 0, upper: 1 })) {
    expect(window.upper).toBeGreaterThan(window.lower);
  }
});

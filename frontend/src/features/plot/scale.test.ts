import { expect, test } from "vitest";

import { rangeOf, reading, ticks, tickText, timeUnit, within, zoomed } from "./scale";

test("ticks are round numbers inside the range", () => {
  expect(ticks({ from: 0, to: 10 }, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks({ from: -0.013, to: 0.013 }, 3)).toEqual([-0.01, 0, 0.01]);
  expect(ticks({ from: 1, to: 1 }, 4)).toEqual([]);
});

test.each([
  [0.30000000000000004, 0.1, "0.3"],
  [-0, 0.5, "0.0"],
  [1500, 500, "1500"],
])("the tick %s at a step of %s reads %s", (value, step, text) => {
  expect(tickText(value, step)).toBe(text);
});

test.each([
  [{ from: 0, to: 12 }, "s"],
  [{ from: 1, to: 1.02 }, "ms"],
  [{ from: 1, to: 1.0001 }, "µs"],
])("a window of %j reads in %s", (window, unit) => {
  expect(timeUnit(window).name).toBe(unit);
});

test("a number is read with the digits that count", () => {
  expect([0, 12.34567, 1.5e-6, 2_500_000].map(reading)).toEqual([
    "0",
    "12.35",
    "1.50e-6",
    "2.50e+6",
  ]);
});

test("a range of values has room, starts at zero, and is never empty", () => {
  expect(rangeOf([1, 2, 5])).toEqual({ from: 0, to: 5.3 });
  expect(rangeOf([])).toEqual({ from: -1, to: 1 });
});

test("a window stays inside the whole, and what is pointed at stays in its place", () => {
  const whole = { from: 0, to: 10 };
  expect(within({ from: -3, to: 1 }, whole, 0.1)).toEqual({ from: 0, to: 4 });
  expect(within({ from: 9.99, to: 10.01 }, whole, 0.1)).toEqual({ from: 9.9, to: 10 });
  expect(zoomed(whole, 0.5, 2)).toEqual({ from: 1, to: 6 });
});

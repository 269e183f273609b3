import { expect, test } from "vitest";

import { type Line, trace, valueAt } from "./trace";

const line = (x: number[], y: number[], strokes?: number[]): Line => ({
  name: "Gx",
  colour: "--ink",
  x,
  y,
  strokes,
});

/** What is drawn, as pairs; a stroke begins with `M`. */
function drawn(of: Line, from: number, to: number, scale = 1): (string | number)[][] {
  const points: (string | number)[][] = [];
  const pen = {
    moveTo: (x: number, y: number) => points.push(["M", x, y]),
    lineTo: (x: number, y: number) => points.push([x, y]),
  };
  trace(
    pen,
    of,
    { from, to },
    (x) => x * scale,
    (y) => y,
  );
  return points;
}

test("a trapezoid is drawn through its corners, and strokes are not joined", () => {
  const two = line([0, 1, 2, 3, 10, 11], [0, 4, 4, 0, 1, 1], [0, 4]);
  expect(drawn(two, 0, 20)).toEqual([
    ["M", 0, 0],
    [1, 4],
    [2, 4],
    [3, 0],
    ["M", 10, 1],
    [11, 1],
  ]);
});

test("a window between two vertices shows the line between them", () => {
  const ramp = line([0, 100], [0, 50]);
  expect(drawn(ramp, 40, 60)).toEqual([
    ["M", 0, 0],
    [100, 50],
  ]);
});

test("of many points in one column the extremes are drawn, in their order", () => {
  const x = Array.from({ length: 1000 }, (_, at) => at / 1000);
  const y = x.map((_, at) => (at === 300 ? -7 : at === 700 ? 9 : 1));
  const points = drawn(line(x, y), 0, 1);
  expect(points.length).toBeLessThan(8);
  const values = points.map((point) => point.at(-1));
  expect(values.indexOf(-7)).toBeLessThan(values.indexOf(9));
  expect(values).toContain(-7);
});

test("the value between two vertices lies on the line; outside of a stroke there is none", () => {
  const two = line([0, 2, 10, 12], [0, 8, 3, 3], [0, 2]);
  expect(valueAt(two, 0.5)).toBe(2);
  expect(valueAt(two, 5)).toBeNull();
  expect(valueAt(two, 11)).toBe(3);
  expect(valueAt(two, 13)).toBeNull();
  expect(valueAt(two, 12)).toBe(3);
});

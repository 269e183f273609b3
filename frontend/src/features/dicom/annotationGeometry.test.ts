import { expect, test } from "vitest";

import type { PixelPoint } from "../../api/annotations";
import {
  type PixelGrid,
  reordered,
  samePoints,
  sizeWords,
  toPatient,
  toPixel,
} from "./annotationGeometry";

/** Coronal, with pixels of 3 mm across and 2 mm down. */
const grid: PixelGrid = {
  origin: [-48, 10, 30],
  across: [1, 0, 0],
  down: [0, 0, -1],
  columnMm: 3,
  rowMm: 2,
  spaced: true,
};

test("the middle of the first pixel lies where the header says", () => {
  expect(toPatient([0.5, 0.5], grid)).toEqual([-48, 10, 30]);
  expect(toPatient([2.5, 4.5], grid)).toEqual([-42, 10, 22]);
});

test("a point comes back to its pixel, whatever the plane", () => {
  const half = Math.SQRT1_2;
  const oblique: PixelGrid = { ...grid, across: [half, half, 0], down: [0, 0, -1] };
  for (const point of [
    [0, 0],
    [7.25, 31.5],
    [-3, 40],
  ] as PixelPoint[]) {
    expect(toPixel(toPatient(point, oblique), oblique)).toEqual(point);
  }
});

test("sizes are in the units of the patient, also where pixels are not square", () => {
  expect(
    sizeWords(
      "length",
      [
        [1, 1],
        [11, 1],
      ],
      grid,
    ),
  ).toBe("30\u202fmm");
  expect(
    sizeWords(
      "length",
      [
        [1, 1],
        [1, 11],
      ],
      grid,
    ),
  ).toBe("20\u202fmm");
  expect(
    sizeWords(
      "rectangle",
      [
        [0, 0],
        [10, 0],
        [10, 10],
        [0, 10],
      ],
      grid,
    ),
  ).toBe("600\u202fmm²");
  const circle: PixelPoint[] = [
    [5, 0],
    [5, 15],
    [0, 7.5],
    [10, 7.5],
  ];
  expect(sizeWords("ellipse", circle, grid)).toBe("707\u202fmm²");
  // As far across as down in millimetres: half a right angle.
  expect(
    sizeWords(
      "angle",
      [
        [0, 0],
        [2, 0],
        [0, 3],
      ],
      grid,
    ),
  ).toBe("45.0°");
  expect(
    sizeWords(
      "arrow",
      [
        [0, 0],
        [2, 0],
      ],
      grid,
    ),
  ).toBe("");
});

test("without pixel spacing a length is in pixels", () => {
  const bare = { ...grid, columnMm: 1, rowMm: 1, spaced: false };
  expect(
    sizeWords(
      "length",
      [
        [1, 1],
        [11, 1],
      ],
      bare,
    ),
  ).toBe("10\u202fpx");
});

test("corners of a rectangle are kept one after the other", () => {
  expect(reordered("rectangle", ["a", "b", "c", "d"])).toEqual(["a", "b", "d", "c"]);
  expect(reordered("rectangle", reordered("rectangle", [1, 2, 3, 4]))).toEqual([1, 2, 3, 4]);
  expect(reordered("ellipse", [1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
});

test("points that differ by less than a thousandth of a pixel are the same", () => {
  expect(samePoints([[1, 2]], [[1.0001, 2]])).toBe(true);
  expect(samePoints([[1, 2]], [[1.01, 2]])).toBe(false);
  expect(
    samePoints(
      [[1, 2]],
      [
        [1, 2],
        [3, 4],
      ],
    ),
  ).toBe(false);
});

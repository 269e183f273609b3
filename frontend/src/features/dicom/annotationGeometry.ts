import { decimal } from "../../i18n";
import type { AnnotationKind, PixelPoint } from "../../api/annotations";
import { dot, type Vector } from "./geometry";

/** Pixels of an image and places in the patient: what is drawn is kept in the one, shown in the other. */

export interface PixelGrid {
  /** The middle of the first pixel [mm] (PS3.3 C.7.6.2.1.1). */
  origin: Vector;
  /** Where columns and rows run to. */
  across: Vector;
  down: Vector;
  /** From one column to the next, and from one row to the next [mm]. */
  columnMm: number;
  rowMm: number;
  /** Whether the header names the distances; without them a length has no unit. */
  spaced: boolean;
}

/** The middle of the first pixel is 0.5, 0.5 (PS3.3 C.18.6.1.1). */
const MIDDLE = 0.5;

export function toPatient([column, row]: PixelPoint, grid: PixelGrid): [number, number, number] {
  const [right, below] = [(column - MIDDLE) * grid.columnMm, (row - MIDDLE) * grid.rowMm];
  return [0, 1, 2].map(
    (axis) => grid.origin[axis]! + right * grid.across[axis]! + below * grid.down[axis]!,
  ) as [number, number, number];
}

const DIGITS = 1e4;

export function toPixel(point: Vector, grid: PixelGrid): PixelPoint {
  const away: Vector = [
    point[0] - grid.origin[0],
    point[1] - grid.origin[1],
    point[2] - grid.origin[2],
  ];
  const exact = [
    dot(away, grid.across) / grid.columnMm + MIDDLE,
    dot(away, grid.down) / grid.rowMm + MIDDLE,
  ];
  return exact.map((value) => Math.round(value * DIGITS) / DIGITS || 0) as PixelPoint;
}

/** The viewer has the corners of a rectangle row by row, the record one after the other. */
export function reordered<Point>(kind: AnnotationKind, points: Point[]): Point[] {
  const [first, second, third, fourth] = points;
  return kind === "rectangle" && points.length === 4 ? [first!, second!, fourth!, third!] : points;
}

export const samePoints = (a: PixelPoint[], b: PixelPoint[]): boolean =>
  a.length === b.length &&
  a.every((point, at) => Math.hypot(point[0] - b[at]![0], point[1] - b[at]![1]) < 1e-3);

const NARROW = "\u202f";
const number = (value: number) => decimal(Number(value.toPrecision(value < 10 ? 2 : 3)));

/** What is measured, in units of the patient where the image has any; an arrow measures nothing. */
export function sizeWords(kind: AnnotationKind, points: PixelPoint[], grid: PixelGrid): string {
  const unit = grid.spaced ? "mm" : "px";
  const between = (from: number, to: number) => {
    const [a, b] = [toPatient(points[from]!, grid), toPatient(points[to]!, grid)];
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  };
  switch (kind) {
    case "length":
      return `${number(between(0, 1))}${NARROW}${unit}`;
    case "angle":
      return `${decimal(angle(points, grid).toFixed(1))}°`;
    case "ellipse":
      return `${number((Math.PI / 4) * between(0, 1) * between(2, 3))}${NARROW}${unit}²`;
    case "rectangle":
      return `${number(between(0, 1) * between(1, 2))}${NARROW}${unit}²`;
    case "arrow":
      return "";
  }
}

/** At the middle one of three points [degree]. */
function angle(points: PixelPoint[], grid: PixelGrid): number {
  const [from, corner, to] = points.map((point) => toPatient(point, grid));
  const arm = (end: Vector): Vector => [
    end[0] - corner![0],
    end[1] - corner![1],
    end[2] - corner![2],
  ];
  const [a, b] = [arm(from!), arm(to!)];
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}

/** Where an image lies in the patient: DICOM's LPS coordinates (PS3.3 C.7.6.2.1.1). */

export type Vector = readonly [number, number, number];

export interface EdgeLetters {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

const AXES = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
] as const;
/** An axis named by more than this share of the direction is worth a letter. */
const WORTH_NAMING = 0.2;

/** The patient's sides a direction points to, the strongest first: `A`, or `AH` when oblique. */
export function sideLetters(direction: Vector): string {
  return direction
    .map((part, axis) => ({ size: Math.abs(part), letter: AXES[axis]?.[part > 0 ? 0 : 1] ?? "" }))
    .filter(({ size }) => size > WORTH_NAMING)
    .toSorted((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join("");
}

/** Columns of pixels run along `across`, rows along `down`. */
export function edgeLetters(across: Vector, down: Vector): EdgeLetters {
  return {
    right: sideLetters(across),
    left: sideLetters(negate(across)),
    bottom: sideLetters(down),
    top: sideLetters(negate(down)),
  };
}

const negate = ([x, y, z]: Vector): Vector => [-x, -y, -z];

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

const BAR_MM = [1, 2, 5, 10, 20, 50, 100, 200];

/** The longest round length that fits in `maxPx`. */
export function scaleBar(mmPerPx: number, maxPx: number): { mm: number; px: number } | null {
  if (!(mmPerPx > 0)) return null;
  const mm = BAR_MM.findLast((length) => length / mmPerPx <= maxPx);
  return mm === undefined ? null : { mm, px: mm / mmPerPx };
}

import type { Range } from "./scale";

/** A line through points; `x` rises. Between strokes there is nothing. */
export interface Line {
  name: string;
  /** A token of the theme: `--status-running`. */
  colour: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Index of the first point of each unbroken stroke; without it there is one. */
  strokes?: ArrayLike<number>;
  /** Points alone, without a line between them. */
  dots?: boolean;
}

export interface Pen {
  moveTo: (x: number, y: number) => void;
  lineTo: (x: number, y: number) => void;
}

/** The first index whose value is not below `limit`. */
export function lowerBound(values: ArrayLike<number>, limit: number, from = 0, to = values.length) {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The strokes of a line as pairs of indices, the second one after the last point. */
export function* strokesOf({
  x,
  strokes,
}: Pick<Line, "x" | "strokes">): Generator<[number, number]> {
  if (!strokes || strokes.length === 0) {
    if (x.length > 0) yield [0, x.length];
    return;
  }
  for (let at = 0; at < strokes.length; at += 1) {
    yield [strokes[at]!, strokes[at + 1] ?? x.length];
  }
}

/**
 * Draws what a window shows of a line, from a point before it to one behind it. Where many points
 * fall on one column of pixels, its first, lowest, highest and last one are drawn in the order in
 * which they come: nothing of what can be seen is lost.
 */
export function trace(
  pen: Pen,
  line: Line,
  window: Range,
  toX: (x: number) => number,
  toY: (y: number) => number,
): void {
  for (const [begin, end] of strokesOf(line)) {
    if (line.x[end - 1]! < window.from) continue;
    if (line.x[begin]! > window.to) break;
    const first = Math.max(begin, lowerBound(line.x, window.from, begin, end) - 1);
    const last = Math.min(end - 1, lowerBound(line.x, window.to, begin, end));
    stroke(pen, line, first, last, toX, toY);
  }
}

function stroke(
  pen: Pen,
  { x, y }: Line,
  first: number,
  last: number,
  toX: (x: number) => number,
  toY: (y: number) => number,
): void {
  pen.moveTo(toX(x[first]!), toY(y[first]!));
  for (let at = first + 1; at <= last;) {
    const column = Math.floor(toX(x[at]!));
    let [end, low, high] = [at, at, at];
    while (end <= last && Math.floor(toX(x[end]!)) === column) {
      if (y[end]! < y[low]!) low = end;
      if (y[end]! > y[high]!) high = end;
      end += 1;
    }
    const kept = end - at <= 4 ? null : [at, Math.min(low, high), Math.max(low, high), end - 1];
    for (let index = 0; index < (kept?.length ?? end - at); index += 1) {
      const point = kept ? kept[index]! : at + index;
      pen.lineTo(toX(x[point]!), toY(y[point]!));
    }
    at = end;
  }
}

/** The value of a line at a place, between its points; null where there is no line. */
export function valueAt(line: Line, place: number): number | null {
  for (const [begin, end] of strokesOf(line)) {
    if (place < line.x[begin]!) return null;
    if (place > line.x[end - 1]!) continue;
    const after = Math.max(begin + 1, lowerBound(line.x, place, begin, end));
    if (after >= end) return line.y[end - 1]!;
    const [x0, x1] = [line.x[after - 1]!, line.x[after]!];
    const share = x1 > x0 ? (place - x0) / (x1 - x0) : 1;
    return line.y[after - 1]! + share * (line.y[after]! - line.y[after - 1]!);
  }
  return null;
}

/** Numbers along an axis. */

import { decimal } from "../../i18n";

export interface Range {
  from: number;
  to: number;
}

/** Round numbers inside a range, about `count` of them. */
export function ticks({ from, to }: Range, count: number): number[] {
  const span = to - from;
  if (!(span > 0) || count < 1) return [];
  const step = roundStep(span / count);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => (first + at) * step);
}

/** 1, 2 or 5 times a power of ten, not less than what is asked for. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const share = least / power;
  const factor = [1, 2, 5].find((each) => share <= each * (1 + 1e-9)) ?? 10;
  return factor * power;
}

/** As many digits as tell one tick from the next, and no more. */
export function tickText(value: number, step: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const text = digits > 6 || Math.abs(value) >= 1e6 ? value.toPrecision(3) : value.toFixed(digits);
  return decimal(Number(text) === 0 ? text.replace("-", "") : text);
}

export interface Unit {
  name: string;
  /** How many of it a unit of the data has. */
  factor: number;
}

/** The unit of time in which a window reads best; data are in seconds. */
export function timeUnit({ from, to }: Range): Unit {
  const span = to - from;
  if (span > 2) return { name: "s", factor: 1 };
  return span > 2e-3 ? { name: "ms", factor: 1e3 } : { name: "µs", factor: 1e6 };
}

/** A number as it is read off a plot: four digits that count. */
export function reading(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return decimal(value.toExponential(2));
  return decimal(Number(value.toPrecision(4)));
}

/** The range of all values with a little room; never empty. */
export function rangeOf(values: Iterable<number>): Range {
  let from = 0;
  let to = 0;
  for (const value of values) {
    if (value < from) from = value;
    if (value > to) to = value;
  }
  if (from === to) return { from: -1, to: 1 };
  const room = (to - from) * 0.06;
  return { from: from < 0 ? from - room : 0, to: to > 0 ? to + room : 0 };
}

/** A part of `whole`, moved and cut so that it stays inside and is not shorter than `least`. */
export function within(asked: Range, whole: Range, least: number): Range {
  const size = Math.min(whole.to - whole.from, Math.max(least, asked.to - asked.from));
  const middle = (asked.from + asked.to) / 2;
  const from = Math.min(whole.to - size, Math.max(whole.from, middle - size / 2));
  return { from, to: from + size };
}

/** The window after zooming by a factor (below 1: closer) about a place that stays where it is. */
export function zoomed({ from, to }: Range, factor: number, about: number): Range {
  return { from: about - (about - from) * factor, to: about + (to - about) * factor };
}

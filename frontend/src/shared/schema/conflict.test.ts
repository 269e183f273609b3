import { expect, test } from "vitest";

import { changesBetween, pathOf, same } from "./changes";
import { conflictOf, rebased } from "./conflict";

const BASE = { frequency: 1, shims: [0, 0], coil: { gain: 1, name: "a" }, gone: true };

test("changes name each member that differs, within groups, too", () => {
  const after = { frequency: 2, shims: [0, 0], coil: { gain: 3, name: "a" }, new: null };
  expect(changesBetween(BASE, after).map((change) => [pathOf(change), change.after])).toEqual([
    ["frequency", 2],
    ["coil.gain", 3],
    ["gone", undefined],
    ["new", null],
  ]);
});

test("the order of members does not make a difference, that of a list does", () => {
  expect(same({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
  expect(same([1, 2], [2, 1])).toBe(false);
  expect(same(1, true)).toBe(false);
  expect(same(null, undefined)).toBe(false);
});

test("my changes are kept on top of theirs, and what both changed is named", () => {
  const theirs = { ...BASE, frequency: 5, coil: { gain: 9, name: "a" } };
  const mine = { ...BASE, frequency: 7, shims: [1, 1] };
  const conflict = conflictOf(BASE, theirs, mine);
  expect(conflict.clashes).toEqual(["frequency"]);
  expect(rebased(theirs, conflict)).toEqual({
    frequency: 7,
    shims: [1, 1],
    coil: { gain: 9, name: "a" },
    gone: true,
  });
});

test("the same change by both is no clash, one inside the other is", () => {
  expect(conflictOf(BASE, { ...BASE, frequency: 5 }, { ...BASE, frequency: 5 }).clashes).toEqual(
    [],
  );
  const without = { frequency: 1, shims: [0, 0], gone: true };
  const inside = { ...BASE, coil: { gain: 2, name: "a" } };
  expect(conflictOf(BASE, without, inside).clashes).toEqual(["coil.gain"]);
});

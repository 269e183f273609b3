import { expect, test } from "vitest";

import { Slots } from "./slots";

test("rows keep their places while others pass, and few places are enough", () => {
  const slots = new Slots();
  expect([...slots.assign(["a", "b", "c"]).values()]).toEqual([0, 1, 2]);
  const moved = slots.assign(["b", "c", "d"]);
  expect(Object.fromEntries(moved)).toEqual({ b: 1, c: 2, d: 0 });
  const away = slots.assign(["x", "y", "z"]);
  expect([...away.values()].toSorted()).toEqual([0, 1, 2]);
});

test("the place of the row with the focus is given to nobody", () => {
  const slots = new Slots();
  slots.assign(["a", "b"]);
  expect(Object.fromEntries(slots.assign(["b", "c"], "a"))).toEqual({ b: 1, c: 2 });
});

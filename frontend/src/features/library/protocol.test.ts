import { expect, test } from "vitest";

import type { ProtocolChange } from "../../api/library";
import { anExam, aTask } from "../../testing/builders";
import { changeTitle, fieldWords, moved, placementFacts, standingOf, valueWords } from "./protocol";

const change = (changes: Partial<ProtocolChange>): ProtocolChange => ({
  kind: "changed",
  what: "task",
  name: "GRE",
  workflow: "Head",
  ...changes,
});

test("a difference is told in words, with names in the place of ids", () => {
  expect(changeTitle(change({ field: "acquisition_parameter.fov_offset.x" }))).toBe(
    "Task GRE (Head) changed: FoV offset x",
  );
  expect(changeTitle(change({ kind: "added" }))).toBe("Task GRE (Head) added");
  expect(changeTitle(change({ what: "exam", field: "name" }))).toBe("Protocol changed: Name");
  expect(fieldWords("sequence_id")).toBe("Sequence");
  const names = new Map([["s1", "gre_128"]]);
  expect(valueWords("s1", names)).toBe("gre_128");
  expect(valueWords(["s1", "s2"], names)).toBe("gre_128, s2");
  expect(valueWords({ x: 1, y: 0 }, names)).toBe("x 1, y 0");
  expect(valueWords(null, names)).toBe("nothing");
});

test("a template is a draft until it is released, and retired after", () => {
  const exam = anExam([]);
  expect(standingOf(exam)).toBe("draft");
  expect(standingOf({ ...exam, released_at: "2026-11-21T08:00:00Z" })).toBe("released");
  expect(
    standingOf({
      ...exam,
      released_at: "2026-11-21T08:00:00Z",
      retired_at: "2026-11-22T08:00:00Z",
    }),
  ).toBe("retired");
});

test("a task moves by one place and not beyond the ends", () => {
  const tasks = ["a", "b", "c"].map((id) => aTask({ id }));
  expect(moved(tasks, 0, 1)).toEqual(["b", "a", "c"]);
  expect(moved(tasks, 2, -1)).toEqual(["a", "c", "b"]);
  expect(moved(tasks, 0, -1)).toBeNull();
  expect(moved(tasks, 2, 1)).toBeNull();
});

test("only what is not the sequence's own placement is told", () => {
  const plain = {
    fov_scaling: { x: 1, y: 1, z: 1 },
    fov_offset: { x: 0, y: 0, z: 0 },
    fov_rotation: { x: 0, y: 0, z: 0 },
  };
  expect(placementFacts(aTask({ acquisition_parameter: plain }))).toEqual([]);
  const shifted = { ...plain, fov_offset: { x: 0, y: 5, z: 0 } };
  expect(placementFacts(aTask({ acquisition_parameter: shifted }))).toEqual([
    ["FoV offset", "0  5  0\u202fmm"],
  ]);
});

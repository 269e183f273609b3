import { expect, test } from "vitest";

import { linesOf } from "./environment";

test("the way back is what an environment file would say", () => {
  const changes = [
    { field: "SLOTS", before: 3, after: 2 },
    { field: "NAME", before: "a", after: "b c" },
    { field: "LIST", before: [], after: ["a", "b"] },
    { field: "KEY", before: "not set", after: "set, not shown" },
    { field: "HOST", before: "smtp", after: null },
  ];
  expect(linesOf(changes).split("\n")).toEqual([
    "SLOTS=2",
    "NAME=b c",
    'LIST=["a","b"]',
    "# KEY: a secret, which nobody was told",
    "# HOST: not set",
  ]);
});

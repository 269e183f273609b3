import { expect, test } from "vitest";

import type { JobDefinition } from "../../api/jobs";
import { aJobDefinition } from "../../testing/builders";
import { jobFields, offered, toldWords, withoutDefaults } from "./parameters";

test("a unit in brackets stands behind the value", () => {
  const [combination, memory] = jobFields(aJobDefinition());
  expect(combination).toMatchObject({ kind: "choice", fallback: "rss", label: "Coil combination" });
  expect(memory).toMatchObject({ label: "Memory", unit: "GiB", limits: { exclusiveMinimum: 0 } });
});

test("what says the same as the default is not sent", () => {
  const fields = jobFields(aJobDefinition());
  expect(withoutDefaults(fields, { coil_combination: "rss", memory_gib: 4, other: 1 })).toEqual({
    memory_gib: 4,
    other: 1,
  });
});

test("what a task tells its job is told by the names of the form", () => {
  const fields = jobFields(aJobDefinition());
  expect(toldWords(fields, { memory_gib: 4, strange: true })).toEqual([
    ["Memory", "4\u202fGiB"],
    ["strange", "yes"],
  ]);
});

test("jobs of packages are offered behind those of the platform, older names to their tasks", () => {
  const jobs: JobDefinition[] = [
    aJobDefinition({ id: "brightest", source: "entry point", events: ["stable-series"] }),
    aJobDefinition(),
    aJobDefinition({ id: "cartesian_reconstruction" }),
  ];
  const ids = (chosen: string) => offered(jobs, chosen).map(({ id }) => id);
  expect(ids("reconstruction")).toEqual(["reconstruction", "brightest"]);
  expect(ids("cartesian_reconstruction")).toHaveLength(3);
});

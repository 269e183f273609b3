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

test("jobs that run for what the archive receives are no jobs of an exam", () => {
  const jobs: JobDefinition[] = [
    aJobDefinition(),
    aJobDefinition({ id: "archive", events: ["series"] }),
  ];
  expect(offered(jobs, "reconstruction").map(({ id }) => id)).toEqual(["reconstruction"]);
  expect(offered(jobs, "archive")).toHaveLength(2);
});

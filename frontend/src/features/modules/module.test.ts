import { expect, test } from "vitest";

import { ApiError, fieldProblems } from "../../api/problem";
import { aModule } from "../../testing/builders";
import {
  allFields,
  environmentOf,
  fieldGroups,
  newSettings,
  sent,
  settingLabel,
  settingsOf,
  settingWords,
  storedVariables,
  unlikeObjects,
  variableProblems,
  variablesOver,
  wholeOf,
} from "./module";

test("a form has what its runner has, and every setting is in one of them", () => {
  const names = (runner: "container" | "process" | "job") =>
    allFields(runner).map(({ name }) => name);
  expect(names("process")).not.toContain("docker_tag");
  expect(names("container")).not.toContain("entry_point");
  expect(names("job").slice(0, 2)).toEqual(["job", "peers"]);
  const all = new Set([...names("process"), ...names("container"), ...names("job")]);
  expect([...all].toSorted()).toEqual(Object.keys(newSettings()).toSorted());
  expect(fieldGroups("process")[0]?.fields.map(({ label }) => label)).toEqual(["Python file"]);
});

test("memory is read and typed in MiB and sent in bytes", () => {
  const shown = settingsOf(aModule({ memory_bytes: 512 * 2 ** 20 }));
  expect(shown.memory_bytes).toBe(512);
  expect(sent({ memory_bytes: 1.5 }).memory_bytes).toBe(1572864);
  expect(sent({ memory_bytes: null }).memory_bytes).toBeNull();
  expect(settingWords("memory_bytes", 2 ** 29)).toBe("512\u202fMiB");
});

test("what the form of a runner does not show goes back as it came, and so does what is new", () => {
  const base = { ...settingsOf(aModule({ docker_tag: "old:1" })), of_tomorrow: 7 };
  const whole = wholeOf(base, "process", { entry_point: "other.py", settings: { a: 1 } });
  expect(whole).toMatchObject({ docker_tag: "old:1", of_tomorrow: 7, entry_point: "other.py" });
  expect(whole).toMatchObject({ settings: { a: 1 }, timeout_s: null, comment: "" });
});

test("settings that are no object are told at their field", () => {
  expect(unlikeObjects("process", { settings: [1] })).toHaveProperty("settings");
  expect(unlikeObjects("process", { settings: {} })).toEqual({});
});

test("variables that nobody touched are not sent; one keeps its value while none is typed", () => {
  const stored = ["KEY", "LICENCE"];
  const variables = storedVariables(stored);
  expect(environmentOf(variables, stored)).toBeUndefined();
  const added = [...variables, { id: 9, name: " HOME ", value: "/x", stored: false }];
  expect(environmentOf(added, stored)).toEqual({ KEY: null, LICENCE: null, HOME: "/x" });
  expect(environmentOf(variables.slice(1), stored)).toEqual({ LICENCE: null });
});

test("variables have names, and each once", () => {
  const named = (...names: string[]) =>
    names.map((name, id) => ({ id, name, value: "", stored: false }));
  expect(variableProblems(named("A", "", "1A", "A"))).toEqual({
    1: "is needed",
    2: "letters, digits and _ only, no digit first",
    3: "is there twice",
  });
});

test("when variables were stored meanwhile, what was typed stays", () => {
  const mine = [
    ...storedVariables(["OLD", "GONE"]),
    { id: 2, name: "MINE", value: "1", stored: false },
  ];
  const now = variablesOver(mine, ["OLD", "THEIRS"]);
  expect(now.map(({ name, stored }) => [name, stored])).toEqual([
    ["OLD", true],
    ["MINE", false],
    ["THEIRS", true],
  ]);
  expect(new Set(now.map(({ id }) => id)).size).toBe(3);
});

test("a change is called as the form calls it, inside of settings too", () => {
  expect(settingLabel("timeout_s")).toBe("Time limit");
  expect(settingLabel("settings.kernel")).toBe("Settings.kernel");
  expect(settingLabel("environment")).toBe("Variables");
});

test("a refusal names the field that it is about", () => {
  const errors = [{ pointer: "/body/docker_arguments/x", detail: "may not" }, { pointer: "/body" }];
  const refusal = new ApiError(422, "", "", "", [], null, { errors });
  expect(fieldProblems(refusal)).toEqual([{ field: "docker_arguments.x", problem: "may not" }]);
  expect(fieldProblems(new Error("no"))).toEqual([]);
});

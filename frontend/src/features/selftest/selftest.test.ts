import { expect, test } from "vitest";

import type { SelfTest, SelfTestStep } from "../../api/upkeep";
import { outcomeOf, stepsOf } from "./selftest";

const step = (name: string, ok = true) =>
  ({ name, ok, seconds: 0.1, detail: ok ? "Well." : "Nobody answers." }) as SelfTestStep;
const aTest = (state: SelfTest["state"], steps: SelfTestStep[]) => ({ state, steps }) as SelfTest;
const underWay = (one: SelfTest) =>
  stepsOf(one)
    .filter(({ running }) => running)
    .map(({ name }) => name);

test("the step after the last one that is done is under way", () => {
  const running = aTest("running", [step("prepare"), step("listener")]);
  expect(underWay(running)).toEqual(["send"]);
  expect(stepsOf(running)).toHaveLength(9);
  expect(outcomeOf(running)).toBe("2 of 9 steps done");
});

test("after a step that failed only the cleaning follows, and the reason is told", () => {
  const steps = [step("prepare"), step("listener", false)];
  expect(underWay(aTest("running", steps))).toEqual(["clean"]);
  expect(underWay(aTest("failed", [...steps, step("clean")]))).toEqual([]);
  expect(outcomeOf(aTest("failed", [...steps, step("clean")]))).toBe(
    "The listener answers: Nobody answers.",
  );
});

test("the job has a step of its own where there is one", () => {
  const withJob = { ...aTest("running", [step("prepare")]), mode: "process" } as SelfTest;
  expect(underWay(withJob)).toEqual(["process"]);
  expect(stepsOf(withJob)).toHaveLength(11);
  expect(outcomeOf(withJob)).toBe("1 of 11 steps done");
});

test("a test that ended without a bad step was broken off", () => {
  expect(outcomeOf(aTest("failed", [step("prepare")]))).toMatch(/broken off/);
  expect(outcomeOf(aTest("passed", [step("prepare")]))).toMatch(/whole way/);
});

import type { SelfTest, SelfTestStep } from "../../api/upkeep";
import { t } from "../../i18n";
import { secondsBetween } from "../../shared/format";
import { type StatusLook, workStatus } from "../../shared/status";

/** A self-test and its steps, as people read them. Pure. */

/** With a job that makes the images before they take the way. */
const hasJob = (test: Partial<Record<"mode", string>> & Pick<SelfTest, "state">): boolean =>
  test.mode === "process";

type StepName = SelfTestStep["name"] | "process" | "module";

const OF_PROCESSING: readonly StepName[] = ["process", "module"];

/** In the order in which they are done. */
export const STEPS: Record<StepName, string> = {
  prepare: t("Images of nobody are made, with a rule and a folder of their own"),
  process: t("A job makes images of raw data, and they show what was scanned"),
  listener: t("The listener answers"),
  send: t("The images are sent to it"),
  index: t("All of them are in the index"),
  complete: t("The series are complete"),
  rule: t("The rule has decided"),
  module: t("A module has made other images of them"),
  dispatch: t("The images are sent on"),
  arrival: t("They arrive, pixel for pixel"),
  clean: t("Everything is taken away"),
};

const KINDS: Record<SelfTest["kind"], string> = {
  series: t("One series"),
  study: t("A study of two series"),
};

export const titleOf = (test: SelfTest): string =>
  hasJob(test)
    ? t("{kinds}, made by a job, changed by a module", { kinds: KINDS[test.kind] })
    : KINDS[test.kind];

export const SELFTEST_STATE: Record<SelfTest["state"], StatusLook> = {
  running: workStatus("running"),
  passed: { ...workStatus("done"), word: t("Passed") },
  failed: workStatus("failed"),
};

export interface ShownStep {
  name: StepName;
  about: string;
  /** What came of it; null: not done. */
  found: SelfTestStep | null;
  /** It is under way now. */
  running: boolean;
}

/** All steps: those that were done, the one that is under way, those that were not come to. */
export function stepsOf(test: SelfTest): ShownStep[] {
  const { steps, state } = test;
  const failed = steps.some(({ ok }) => !ok);
  const names = (Object.keys(STEPS) as StepName[]).filter(
    (name) => !OF_PROCESSING.includes(name) || hasJob(test),
  );
  const open = names.filter((name) => !steps.some((step) => step.name === name));
  // After one that failed only the cleaning follows.
  const next = state !== "running" ? null : failed ? "clean" : (open[0] ?? null);
  return names.map((name) => ({
    name,
    about: STEPS[name],
    found: steps.find((step) => step.name === name) ?? null,
    running: name === next && open.includes(name),
  }));
}

/** One line: what came of it. */
export function outcomeOf(test: SelfTest): string {
  const { steps, state } = test;
  const bad = steps.find(({ ok }) => !ok);
  if (bad) return `${STEPS[bad.name]}: ${bad.detail}`;
  if (state === "passed") return t("Every image took the whole way.");
  return state === "failed"
    ? t("It was broken off: the service was restarted.")
    : t("{done} of {all} steps done", { done: steps.length, all: stepsOf(test).length });
}

export const secondsOf = ({ started_at, ended_at }: SelfTest): number | null =>
  ended_at ? secondsBetween(started_at, Date.parse(ended_at)) : null;

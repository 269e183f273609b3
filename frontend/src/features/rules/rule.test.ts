import { expect, test } from "vitest";

import type { Rule } from "../../api/routing";
import {
  documentOf,
  draftOf,
  inState,
  keptOptions,
  moved,
  outcomeOf,
  problemsOf,
  stateOf,
} from "./rule";

function aRule(changes: Partial<Rule> = {}): Rule {
  const { change_comment: _, ...options } = draftOf(null);
  return {
    ...options,
    name: "heads",
    rule: "True",
    target: ["archive"],
    position: 0,
    version: 3,
    created_at: "2026-01-02T08:30:00Z",
    updated_at: null,
    last_fired_at: "2026-01-03T08:30:00Z",
    ...changes,
  };
}

test("saving a rule sends back every option, also those that the form does not show", () => {
  const rule = aRule({
    dynamic_routing: true,
    dynamic_routing_allowed_targets: ["a", "b"],
    processing_module: ["segment"],
    processing_settings: { threshold: 0.5 },
  });
  const sent = { ...draftOf(rule), comment: "changed" };
  expect(sent).toMatchObject({
    dynamic_routing: true,
    dynamic_routing_allowed_targets: ["a", "b"],
    processing_module: ["segment"],
    processing_settings: { threshold: 0.5 },
    comment: "changed",
  });
  expect(keptOptions({ ...sent, action: "both" })).toEqual([]);
  expect(keptOptions(sent).map(([name]) => name)).toEqual([
    "processing_module",
    "processing_settings",
    "dynamic_routing",
    "dynamic_routing_allowed_targets",
  ]);
  expect(sent).not.toHaveProperty("version");
  expect(sent).not.toHaveProperty("last_fired_at");
});

test("an option of a newer server that is not known here goes back as it came", () => {
  const rule = { ...aRule(), retention_days: 30 } as Rule;
  expect(draftOf(rule)).toMatchObject({ retention_days: 30 });
});

test("why a rule is changed is no part of what it says", () => {
  const draft = draftOf(aRule());
  expect(documentOf({ ...draft, change_comment: "because" })).toEqual(documentOf(draft));
});

test.each([
  ["active", false, false],
  ["shadow", false, true],
  ["off", true, false],
] as const)("%s is told by the two switches, and back", (state, disabled, shadow) => {
  expect(inState(state)).toEqual({ disabled, shadow });
  expect(stateOf(aRule({ disabled, shadow }))).toBe(state);
});

test("a rule that is off stays off though it is in shadow mode, too", () => {
  expect(stateOf(aRule({ disabled: true, shadow: true }))).toBe("off");
});

test("a rule moves by one place, and not beyond the ends", () => {
  expect(moved(["a", "b", "c"], "b", -1)).toEqual(["b", "a", "c"]);
  expect(moved(["a", "b", "c"], "b", 1)).toEqual(["a", "c", "b"]);
  expect(moved(["a", "b"], "a", -1)).toEqual(["a", "b"]);
  expect(moved(["a", "b"], "x", 1)).toEqual(["a", "b"]);
});

test("what is missing is told at its option", () => {
  expect(problemsOf(draftOf(null))).toEqual({
    name: "is needed",
    rule: "is needed; True fires for everything",
    target: "Choose at least one target",
  });
  expect(problemsOf({ ...draftOf(aRule()), name: "two words" })).toEqual({
    name: "letters, digits, _ and - only",
  });
  expect(problemsOf({ ...draftOf(aRule({ action: "discard", target: [] })) })).toEqual({});
});

test("a rule in shadow mode would fire, and an error is no rejection", () => {
  const result = { triggered: true, error: null, problem: null, missing: null, tags_accessed: [] };
  expect(outcomeOf(aRule(), result).look.word).toBe("Fires");
  expect(outcomeOf(aRule({ shadow: true }), result).look.word).toBe("Would fire");
  const failed = { ...result, triggered: false, error: "Division by zero" };
  expect(outcomeOf(aRule(), failed)).toMatchObject({ why: "Division by zero" });
  const missing = { ...result, triggered: false, missing: "Nope" };
  expect(outcomeOf(aRule(), missing).why).toContain("Nope");
});

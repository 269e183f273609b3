import { expect, test } from "vitest";

import type { Rule, RuleFlow } from "../../api/routing";
import { pipelineOf } from "./pipeline";
import { draftOf } from "./rule";

const aRule = (changes: Partial<Rule> = {}): Rule => ({
  ...draftOf(null),
  name: "smooth-it",
  action: "both",
  target: ["PACS"],
  processing_module: ["smooth", "grade"],
  position: 0,
  version: 1,
  created_at: "2026-11-22T10:00:00Z",
  updated_at: "2026-11-22T10:00:00Z",
  last_fired_at: null,
  ...changes,
});
const nobody = { waiting: 0, running: 0, done: 0, skipped: 0, failed: 0 };
const FLOW: RuleFlow = {
  rule: "smooth-it",
  since: "2026-11-22T10:00:00Z",
  series: 3,
  images: 60,
  cases: { processing: 1, dispatching: 1, failed: 1 },
  steps: [
    { position: 1, module: "smooth", ...nobody, done: 2, running: 1 },
    { position: 2, module: "grade", ...nobody, done: 1, waiting: 1, failed: 1 },
  ],
  review: { waiting: 0, overdue: 0, approved: 0, rejected: 0 },
  gates: [],
  targets: [{ target: "PACS", waiting: 1, sending: 0, sent: 4, failed: 0 }],
  notifications: [],
};

const words = (stations: { title: string; tallies: { words: string }[] }[]) =>
  stations.map(({ title, tallies }) => [title, ...tallies.map((each) => each.words)].join(", "));

test("a rule is a line of stations with how much is where", () => {
  const { line, ends, told } = pipelineOf(aRule(), FLOW);
  expect(words(line)).toEqual([
    "Series received",
    "smooth-it, 3 cases, 1 failed",
    "smooth, 1 running, 2 done",
    "grade, 1 waits, 1 done, 1 failed",
  ]);
  expect(line[0]?.about).toBe("3 series, 60 images");
  expect(words(ends)).toEqual(["PACS, 1 waits, 4 sent"]);
  expect(told).toEqual([]);
  expect(line[3]?.tallies.at(-1)?.place).toEqual({
    to: "/runs",
    search: { kind: "case", job: "grade", view: "failed" },
  });
});

test("gates and conditions of the way are told", () => {
  const rule = aRule({
    processing_review: { role: "medical", deadline_s: null, at_deadline: "reject" },
    processing_gates: [{ after: 1, role: "scientist", deadline_s: null, at_deadline: "reject" }],
    processing_deadline_s: 900,
    dynamic_routing: true,
    dynamic_routing_allowed_targets: ["Research"],
    conditional_alternate_target: "Teaching",
    notification_email: "ada@example.org",
    notification_trigger_reception: false,
    notification_trigger_completion: false,
    notification_trigger_completion_on_request: true,
  });
  const { line, ends, told } = pipelineOf(rule, null);
  expect(line.map(({ kind }) => kind)).toEqual([
    "series",
    "rule",
    "module",
    "review",
    "module",
    "review",
  ]);
  expect(line[2]?.about).toContain("all within 15:00");
  expect(line[3]?.about).toBe("by scientist");
  expect(ends.map(({ title, about }) => `${title} ${about}`)).toEqual([
    "PACS unless the last module chooses others",
    "Research if the last module chooses it",
    "Teaching if the last module asks for the other target",
  ]);
  expect(told[0]?.about).toBe("when a module asks for it, or it fails");
});

test("a line has an end, also where nothing is sent", () => {
  const discards = aRule({ action: "discard", target: [], processing_module: [] });
  expect(pipelineOf(discards, { ...FLOW, targets: [] }).ends[0]?.title).toBe("Discarded");
  const free = aRule({ action: "process", target: [], dynamic_routing: true });
  expect(pipelineOf(free, null).ends[0]?.title).toBe("Where the last module says");
});

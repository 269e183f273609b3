import type { Rule, RuleFlow } from "../../api/routing";
import { counted, duration } from "../../shared/format";
import { processes } from "./chain";
import { reviewWords } from "./review";
import { ACTIONS, stateOf, STATES } from "./rule";

/** What a rule does, as stations of a line, with how much is where. Pure. */

export interface Place {
  to: string;
  search?: Record<string, string>;
}
export type Tone = "done" | "running" | "waiting" | "fault";

export interface Tally {
  tone: Tone;
  /** `3 failed` */
  words: string;
  place: Place | null;
}

export interface Station {
  key: string;
  kind: "series" | "rule" | "module" | "review" | "target" | "nowhere" | "message";
  title: string;
  about: string;
  place: Place | null;
  tallies: Tally[];
}

export interface PipelineOf {
  /** One after the other. */
  line: Station[];
  /** Where it ends: side by side. */
  ends: Station[];
  /** Who is told meanwhile. */
  told: Station[];
}

const COUNTS: [string, Tone, string][] = [
  ["receiving", "running", "arriving"],
  ["waiting", "waiting", "incomplete"],
  ["failed", "fault", "failed"],
];

const tally = (
  count: number | undefined,
  tone: Tone,
  words: string,
  place: Place | null = null,
): Tally[] => (count ? [{ tone, words: `${count} ${words}`, place }] : []);

export function pipelineOf(rule: Rule, flow: RuleFlow | null): PipelineOf {
  return {
    line: [
      receivedStation(rule, flow),
      ruleStation(rule, flow),
      ...(processes(rule) ? [...moduleStations(rule, flow), ...reviewStations(rule, flow)] : []),
    ],
    ends: endStations(rule, flow),
    told: messageStations(rule, flow),
  };
}

function receivedStation(rule: Rule, flow: RuleFlow | null): Station {
  const study = rule.action_trigger === "study";
  const words = flow
    ? `${counted(flow.series, "series", "series")}, ${counted(flow.images, "image")}`
    : "";
  return {
    key: "received",
    kind: "series",
    title: study ? "Study received" : "Series received",
    about: words,
    place: { to: "/cases", search: { rule: rule.name } },
    tallies: [],
  };
}

function ruleStation(rule: Rule, flow: RuleFlow | null): Station {
  const state = stateOf(rule);
  const all = Object.values(flow?.cases ?? {}).reduce((sum, count) => sum + count, 0);
  const casesIn = (name: string): Place => ({
    to: "/cases",
    search: { rule: rule.name, state: name },
  });
  return {
    key: "rule",
    kind: "rule",
    title: rule.name,
    about: [
      ACTIONS[rule.action],
      state !== "active" && STATES[state].look.word.toLowerCase(),
      rule.fallback && "only if no other fires",
    ]
      .filter(Boolean)
      .join(", "),
    place: null,
    tallies: [
      ...tally(all, "done", all === 1 ? "case" : "cases", {
        to: "/cases",
        search: { rule: rule.name },
      }),
      ...COUNTS.flatMap(([name, tone, words]) =>
        tally(flow?.cases[name], tone, words, casesIn(name)),
      ),
    ],
  };
}

function moduleStations(rule: Rule, flow: RuleFlow | null): Station[] {
  const names = rule.processing_module ?? [];
  return names.flatMap((name, at) => {
    const step = flow?.steps.find(({ position }) => position === at + 1);
    const runs = (view: string): Place => ({
      to: "/runs",
      search: { kind: "case", job: name, view },
    });
    const deadline = rule.processing_deadline_s;
    const station: Station = {
      key: `module ${at}`,
      kind: "module",
      title: name,
      about: [
        `module ${at + 1} of ${names.length}`,
        at === 0 && deadline != null && `all within ${duration(deadline)}`,
      ]
        .filter(Boolean)
        .join(", "),
      place: { to: "/modules", search: { id: name } },
      tallies: [
        ...tally(step?.waiting, "waiting", step?.waiting === 1 ? "waits" : "wait", runs("open")),
        ...tally(step?.running, "running", "running", runs("open")),
        ...tally(step?.done, "done", "done", runs("succeeded")),
        ...tally(step?.skipped, "done", "skipped"),
        ...tally(step?.failed, "fault", "failed", runs("failed")),
      ],
    };
    const gate = rule.processing_gates?.find(({ after }) => after === at + 1);
    const come = flow?.gates?.find(({ after }) => after === at + 1);
    return gate ? [station, reviewStation(`gate ${at}`, reviewWords(gate), come)] : [station];
  });
}

function reviewStations(rule: Rule, flow: RuleFlow | null): Station[] {
  if (!rule.processing_review) return [];
  return [reviewStation("review", reviewWords(rule.processing_review), flow?.review)];
}

function reviewStation(key: string, about: string, come?: RuleFlow["review"]): Station {
  const { waiting = 0, overdue = 0, approved = 0, rejected = 0 } = come ?? {};
  const open: Place = { to: "/runs", search: { kind: "case", view: "review" } };
  return {
    key,
    kind: "review",
    title: "Review",
    about,
    place: open,
    tallies: [
      ...tally(waiting - overdue, "waiting", "to be looked at", open),
      ...tally(overdue, "fault", "overdue", open),
      ...tally(approved, "done", "approved"),
      ...tally(rejected, "fault", "rejected", {
        to: "/runs",
        search: { kind: "case", view: "canceled" },
      }),
    ],
  };
}

function endStations(rule: Rule, flow: RuleFlow | null): Station[] {
  const own = rule.action === "process" ? [] : rule.target;
  const chosen = rule.dynamic_routing ? (rule.dynamic_routing_allowed_targets ?? []) : [];
  const other = rule.dynamic_routing ? (rule.conditional_alternate_target ?? "") : "";
  const names = [...own, ...chosen, other, ...(flow?.targets ?? []).map(({ target }) => target)];
  const found = [...new Set(names.filter(Boolean))].map((name) =>
    targetStation(name, flow, whenWords(name, { rule, own, chosen, other })),
  );
  if (found.length > 0) return found;
  const free = rule.dynamic_routing && processes(rule);
  return [
    {
      key: "nowhere",
      kind: "nowhere",
      title: free ? "Where the last module says" : NOWHERE[rule.action],
      about: free ? "among all targets" : "the images stay in the archive",
      place: { to: free ? "/targets" : "/archive" },
      tallies: tally(flow?.cases.discarded, "done", "discarded"),
    },
  ];
}

const NOWHERE: Record<Rule["action"], string> = {
  discard: "Discarded",
  notification: "Sent nowhere",
  process: "Into the archive",
  route: "No target yet",
  both: "No target yet",
};

/** Under which condition images go to a target. */
function whenWords(
  name: string,
  at: { rule: Rule; own: string[]; chosen: string[]; other: string },
): string {
  const { rule, own, chosen, other } = at;
  if (own.includes(name)) {
    return rule.dynamic_routing ? "unless the last module chooses others" : "";
  }
  if (name === other) return "if the last module asks for the other target";
  if (chosen.includes(name)) return "if the last module chooses it";
  return rule.dynamic_routing ? "a module chose it" : "by hand, or before";
}

function targetStation(name: string, flow: RuleFlow | null, about: string): Station {
  const counts = flow?.targets.find((each) => each.target === name);
  const sendings = (view: string): Place => ({ to: "/queue", search: { target: name, view } });
  return {
    key: `target ${name}`,
    kind: "target",
    title: name,
    about,
    place: { to: "/targets", search: { id: name } },
    tallies: [
      ...tally(
        counts?.waiting,
        "waiting",
        counts?.waiting === 1 ? "waits" : "wait",
        sendings("open"),
      ),
      ...tally(counts?.sending, "running", "on the way", sendings("open")),
      ...tally(counts?.sent, "done", "sent", sendings("ended")),
      ...tally(counts?.failed, "fault", "failed", sendings("failed")),
    ],
  };
}

const CHANNELS: Record<string, string> = { webhook: "Webhook", email: "E-mail" };

function messageStations(rule: Rule, flow: RuleFlow | null): Station[] {
  const recipients: Record<string, string | undefined> = {
    webhook: rule.notification_webhook,
    email: rule.notification_email,
  };
  const when = [
    rule.notification_trigger_reception && "all is there",
    rule.notification_trigger_completion && "it is done",
    !rule.notification_trigger_completion &&
      rule.notification_trigger_completion_on_request &&
      "a module asks for it",
    rule.notification_trigger_error && "it fails",
  ].filter(Boolean);
  return Object.keys(CHANNELS)
    .filter(
      (channel) =>
        (recipients[channel] && when.length > 0) ||
        flow?.notifications.some((each) => each.channel === channel),
    )
    .map((channel) => {
      const counts = flow?.notifications.find((each) => each.channel === channel);
      const messages = (state: string): Place => ({ to: "/notifications", search: { state } });
      return {
        key: `message ${channel}`,
        kind: "message",
        title: CHANNELS[channel] ?? channel,
        about: when.length > 0 ? `when ${when.join(", or ")}` : "not any more",
        place: { to: "/notifications" },
        tallies: [
          ...tally(counts?.waiting, "waiting", counts?.waiting === 1 ? "waits" : "wait"),
          ...tally(counts?.sent, "done", "told", messages("sent")),
          ...tally(counts?.failed, "fault", "failed", messages("failed")),
        ],
      };
    });
}

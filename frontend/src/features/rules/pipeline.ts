import type { Rule, RuleFlow } from "../../api/routing";
import { inSentence, plural, t } from "../../i18n";
import { duration } from "../../shared/format";
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

const COUNTS: [string, Tone, (n: number) => string][] = [
  ["receiving", "running", (n) => t("{n} arriving", { n })],
  ["waiting", "waiting", (n) => t("{n} incomplete", { n })],
  ["failed", "fault", (n) => t("{n} failed", { n })],
];
const waits = (n: number) => plural(n, "{n} waits", "{n} wait");

const tally = (
  count: number | undefined,
  tone: Tone,
  words: (n: number) => string,
  place: Place | null = null,
): Tally[] => (count ? [{ tone, words: words(count), place }] : []);

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
    ? `${plural(flow.series, "{n} series", "{n} series")}, ${plural(flow.images, "{n} image", "{n} images")}`
    : "";
  return {
    key: "received",
    kind: "series",
    title: study ? t("Study received") : t("Series received"),
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
      state !== "active" && inSentence(STATES[state].look.word),
      rule.fallback && t("only if no other fires"),
    ]
      .filter(Boolean)
      .join(", "),
    place: null,
    tallies: [
      ...tally(all, "done", (n) => plural(n, "{n} case", "{n} cases"), {
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
        t("module {at} of {n}", { at: at + 1, n: names.length }),
        at === 0 &&
          deadline != null &&
          t("all within {deadline}", { deadline: duration(deadline) }),
      ]
        .filter(Boolean)
        .join(", "),
      place: { to: "/modules", search: { id: name } },
      tallies: [
        ...tally(step?.waiting, "waiting", waits, runs("open")),
        ...tally(step?.running, "running", (n) => t("{n} running", { n }), runs("open")),
        ...tally(step?.done, "done", (n) => t("{n} done", { n }), runs("succeeded")),
        ...tally(step?.skipped, "done", (n) => t("{n} skipped", { n })),
        ...tally(step?.failed, "fault", (n) => t("{n} failed", { n }), runs("failed")),
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
    title: t("Review"),
    about,
    place: open,
    tallies: [
      ...tally(waiting - overdue, "waiting", (n) => t("{n} to be looked at", { n }), open),
      ...tally(overdue, "fault", (n) => t("{n} overdue", { n }), open),
      ...tally(approved, "done", (n) => t("{n} approved", { n })),
      ...tally(rejected, "fault", (n) => t("{n} rejected", { n }), {
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
      title: free ? t("Where the last module says") : NOWHERE[rule.action],
      about: free ? t("among all targets") : t("the images stay in the archive"),
      place: { to: free ? "/targets" : "/archive" },
      tallies: tally(flow?.cases.discarded, "done", (n) => t("{n} discarded", { n })),
    },
  ];
}

const NOWHERE: Record<Rule["action"], string> = {
  discard: t("Discarded"),
  notification: t("Sent nowhere"),
  process: t("Into the archive"),
  route: t("No target yet"),
  both: t("No target yet"),
};

/** Under which condition images go to a target. */
function whenWords(
  name: string,
  at: { rule: Rule; own: string[]; chosen: string[]; other: string },
): string {
  const { rule, own, chosen, other } = at;
  if (own.includes(name)) {
    return rule.dynamic_routing ? t("unless the last module chooses others") : "";
  }
  if (name === other) return t("if the last module asks for the other target");
  if (chosen.includes(name)) return t("if the last module chooses it");
  return rule.dynamic_routing ? t("a module chose it") : t("by hand, or before");
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
      ...tally(counts?.waiting, "waiting", waits, sendings("open")),
      ...tally(counts?.sending, "running", (n) => t("{n} on the way", { n }), sendings("open")),
      ...tally(counts?.sent, "done", (n) => t("{n} sent", { n }), sendings("ended")),
      ...tally(counts?.failed, "fault", (n) => t("{n} failed", { n }), sendings("failed")),
    ],
  };
}

const CHANNELS: Record<string, string> = { webhook: t("Webhook"), email: t("E-mail") };

function messageStations(rule: Rule, flow: RuleFlow | null): Station[] {
  const recipients: Record<string, string | undefined> = {
    webhook: rule.notification_webhook,
    email: rule.notification_email,
  };
  const when = [
    rule.notification_trigger_reception && t("all is there"),
    rule.notification_trigger_completion && t("it is done"),
    !rule.notification_trigger_completion &&
      rule.notification_trigger_completion_on_request &&
      t("a module asks for it"),
    rule.notification_trigger_error && t("it fails"),
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
        about:
          when.length > 0 ? t("when {when}", { when: when.join(t(", or ")) }) : t("not any more"),
        place: { to: "/notifications" },
        tallies: [
          ...tally(counts?.waiting, "waiting", waits),
          ...tally(counts?.sent, "done", (n) => t("{n} told", { n }), messages("sent")),
          ...tally(counts?.failed, "fault", (n) => t("{n} failed", { n }), messages("failed")),
        ],
      };
    });
}

import type { Rule, RuleOptions, RuleTest } from "../../api/routing";
import { said, t } from "../../i18n";
import type { JsonObject } from "../../shared/schema/schema";
import { processes } from "./chain";
import { ACTIVE, HEALTH, OFF, SHADOW, type StatusLook } from "../../shared/status";

/** What a rule is, in words, and how it is edited. Pure. */

export type RuleState = "active" | "shadow" | "off";

export const STATES: Record<RuleState, { look: StatusLook; about: string }> = {
  active: { look: ACTIVE, about: t("What it asks for is done.") },
  shadow: {
    look: SHADOW,
    about: t("It is looked at and what it says is recorded. Nothing follows."),
  },
  off: { look: OFF, about: t("It is not looked at.") },
};

export function stateOf({ disabled, shadow }: RuleOptions): RuleState {
  if (disabled) return "off";
  return shadow ? "shadow" : "active";
}

export const inState = (state: RuleState): Pick<RuleOptions, "disabled" | "shadow"> => ({
  disabled: state === "off",
  shadow: state === "shadow",
});

export const ACTIONS: Record<RuleOptions["action"], string> = {
  route: t("Send"),
  both: t("Process and send"),
  process: t("Process"),
  discard: t("Discard"),
  notification: t("Only tell"),
};

export const PRIORITIES: Record<RuleOptions["priority"], string> = {
  normal: t("Normal"),
  urgent: t("Urgent"),
  offpeak: t("Off-peak hours"),
};

/** What becomes of what nobody has reviewed in time. */
export const AT_DEADLINE = {
  reject: t("send nothing"),
  approve: t("send it"),
  wait: t("tell, and wait on"),
} as const;

/** What becomes of a study that is never complete. */
export const FORCE = {
  discard: t("discard what there is"),
  proceed: t("go on with what there is"),
  ignore: t("wait on"),
} as const;

/** The options of a rule as they are sent: all of them, also those that no form shows. */
export interface Draft extends RuleOptions {
  name: string;
  change_comment: string;
}

const NEW: Draft = {
  name: "",
  change_comment: "",
  rule: "",
  target: [],
  disabled: false,
  shadow: false,
  fallback: false,
  contact: "",
  comment: "",
  tags: "",
  action: "route",
  action_trigger: "series",
  study_trigger_condition: "timeout",
  study_trigger_series: "",
  study_force_completion_action: "discard",
  priority: "normal",
  processing_module: [],
  processing_settings: {},
  processing_retain_images: false,
  processing_deadline_s: null,
  processing_review: null,
  processing_gates: [],
  notification_webhook: "",
  notification_payload: "",
  notification_payload_body: "",
  notification_email: "",
  notification_email_body: "",
  notification_email_type: "plain",
  notification_trigger_reception: true,
  notification_trigger_completion: true,
  notification_trigger_completion_on_request: false,
  notification_trigger_error: true,
  dynamic_routing: false,
  dynamic_routing_allowed_targets: [],
  conditional_alternate_target: "",
};

export function draftOf(rule: Rule | null): Draft {
  if (!rule) return NEW;
  const { position: _p, version: _v, created_at: _c, updated_at: _u, ...rest } = rule;
  const { last_fired_at: _, ...kept } = rest;
  return { ...kept, change_comment: "" };
}

/** As a document that can be compared. */
export function documentOf(draft: Draft): JsonObject {
  const { change_comment: _, ...options } = draft;
  return options as unknown as JsonObject;
}

// --- in words ----------------------------------------------------------------------------------

const LABELS: Record<string, string> = {
  rule: t("Condition"),
  target: t("Targets"),
  disabled: t("Off"),
  shadow: t("Shadow"),
  fallback: t("Fallback"),
  tags: t("Labels"),
  action_trigger: t("Decides on"),
  processing_module: t("Modules"),
  processing_settings: t("Settings of the modules"),
  processing_retain_images: t("Original images go on"),
  processing_deadline_s: t("Modules are done within"),
  processing_review: t("Review by a person"),
  processing_gates: t("Reviews between modules"),
  dynamic_routing: t("Module may choose targets"),
  dynamic_routing_allowed_targets: t("Targets it may choose"),
  conditional_alternate_target: t("Other target"),
  study_trigger_condition: t("A study is complete"),
  study_trigger_series: t("Series that complete it"),
  study_force_completion_action: t("If it never is"),
  notification_webhook: t("Webhook"),
  notification_payload: t("Payload of the webhook"),
  notification_payload_body: t("Text in the payload"),
  notification_email: t("E-mail to"),
  notification_email_body: t("Text of the e-mail"),
  notification_email_type: t("Kind of e-mail"),
  notification_trigger_reception: t("Tell when all images are there"),
  notification_trigger_completion: t("Tell when it is done"),
  notification_trigger_completion_on_request: t("Tell when it is done, if a module asks"),
  notification_trigger_error: t("Tell when it failed"),
};

/** `study_trigger_series` as the form calls it. */
export function optionLabel(name: string): string {
  const [first = "", ...inner] = name.split(".");
  if (inner.length > 0) return [optionLabel(first), ...inner].join(".");
  const words = name.replaceAll("_", " ");
  return LABELS[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Options that the form of this action does not show and that say something: they are kept. */
export function keptOptions(draft: Draft): [string, unknown][] {
  if (processes(draft)) return [];
  const hidden = [
    "processing_module",
    "processing_settings",
    "processing_retain_images",
    "processing_deadline_s",
    "processing_review",
    "processing_gates",
  ];
  const choices = [
    "dynamic_routing",
    "dynamic_routing_allowed_targets",
    "conditional_alternate_target",
  ];
  const values = draft as unknown as Record<string, unknown>;
  return [...hidden, ...choices]
    .map((name): [string, unknown] => [name, values[name]])
    .filter(([, value]) => !isNothing(value));
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** What would become of images for which the condition came out so. */
export function outcomeOf(
  draft: RuleOptions,
  result: RuleTest | undefined,
): { kind?: "fires" | "error"; look: StatusLook; why: string } {
  if (!result) {
    return draft.rule.trim() === ""
      ? { look: NO_OUTCOME, why: t("Write a condition.") }
      : { look: LOOKING, why: t("The condition is tried out.") };
  }
  if (result.error)
    return { kind: "error", look: { ...HEALTH.failing, word: t("Error") }, why: result.error };
  if (result.missing) {
    return {
      look: REJECTS,
      why: t("No tag {missing} is kept: the rule does not hold.", { missing: result.missing }),
    };
  }
  if (!result.triggered) return { look: REJECTS, why: t("The condition does not hold.") };
  const word = stateOf(draft) === "active" ? t("Fires") : t("Would fire");
  return { kind: "fires", look: { ...ACTIVE, word }, why: inShort(draft) };
}

const REJECTS: StatusLook = { ...OFF, word: t("Does not fire") };
const NO_OUTCOME: StatusLook = { ...OFF, word: t("Nothing yet") };
const LOOKING: StatusLook = { ...OFF, word: t("Wait") };

/** One sentence: on what, what, where to. */
export function inShort(rule: RuleOptions): string {
  const what =
    rule.action_trigger === "study" ? said("several", "studies") : said("several", "series");
  switch (rule.action) {
    case "discard":
      return t("Discards {what}", { what });
    case "notification":
      return t("Tells of {what}", { what });
    case "process":
      return processed(rule, what);
    case "both":
      return t("{processed}, then sends {whereTo}", {
        processed: processed(rule, what),
        whereTo: whereTo(rule),
      });
    default:
      return t("Sends {what} {whereTo}", { what, whereTo: whereTo(rule) });
  }
}

const processed = ({ processing_module = [] }: RuleOptions, what: string): string =>
  processing_module.length > 0
    ? t("Processes {what} by {processingModule}", {
        what,
        processingModule: processing_module.join(", "),
      })
    : t("Processes {what}", { what });

function whereTo({ target, dynamic_routing }: RuleOptions): string {
  if (target.length > 0) return t("to {target}", { target: target.join(", ") });
  return dynamic_routing ? t("where the module says") : t("nowhere");
}

/** The same rules with one of them moved by so many places. */
export function moved(names: string[], name: string, by: number): string[] {
  const at = names.indexOf(name);
  const to = at + by;
  if (at < 0 || to < 0 || to >= names.length) return names;
  const rest = names.filter((other) => other !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

/** Whether a rule tells anybody, and of what. */
export const tells = (rule: RuleOptions): boolean =>
  Boolean(rule.notification_webhook || rule.notification_email);

const NAME = /^[0-9a-zA-Z_-]+$/;

/** What keeps a draft from being saved, by option; the server looks again. */
export function problemsOf(draft: Draft): Record<string, string> {
  const problems: Record<string, string> = {};
  if (draft.name === "") problems.name = t("is needed");
  else if (!NAME.test(draft.name)) problems.name = t("letters, digits, _ and - only");
  if (!draft.rule.trim()) problems.rule = t("is needed; True fires for everything");
  if (draft.action === "route" && draft.target.length === 0) {
    problems.target = t("Choose at least one target");
  }
  if (draft.action === "both" && draft.target.length === 0 && !draft.dynamic_routing) {
    problems.target = t("Choose a target, or let the last module choose");
  }
  if (processes(draft) && (draft.processing_module ?? []).length === 0) {
    problems.processing_module = t("Choose at least one module");
  }
  return problems;
}

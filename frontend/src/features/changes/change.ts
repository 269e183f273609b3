import { type Kind, KINDS } from "../../api/changes";
import type { JournalEvent } from "../../api/types";
import { t } from "../../i18n";
import { optionLabel } from "../rules/rule";

/** Changes of the configuration, in words. Pure. */

export const KIND_WORDS: Record<Kind, string> = {
  rule: t("Rules"),
  notification: t("Notifications"),
  target: t("Targets"),
  module: t("Modules"),
  device: t("Devices"),
  settings: t("Settings"),
};

/** Whether it belongs to what is asked for: notifications are a part of rules. */
export function isOfKind({ data }: JournalEvent, kind: Kind | null): boolean {
  if (kind !== "notification") return true;
  return fieldsOf(data).some((field) => field.startsWith("notification_"));
}

const fieldsOf = (data: JournalEvent["data"]): string[] =>
  Array.isArray(data.changed) ? data.changed.filter((field) => typeof field === "string") : [];

export const kindOf = ({ type }: JournalEvent): Kind | null =>
  KINDS.find((kind) => type.startsWith(`${kind}.`)) ?? null;

const VERBS: Record<string, string> = {
  created: t("made"),
  updated: t("changed"),
  changed: t("changed, and started again"),
  deleted: t("deleted"),
  reordered: t("changed"),
  parameter_changed: t("parameters changed"),
  schema_changed: t("schema of parameters changed"),
};

export const verbOf = ({ type, data }: JournalEvent): string => {
  if (type === "device.schema_changed" && data.removed === true) return t("schema removed");
  const verb = type.split(".")[1] ?? "";
  return VERBS[verb] ?? verb.replaceAll("_", " ");
};

/** What was changed, by the name that people know. */
export function nameOf({ type, subject, data }: JournalEvent, devices: Named[] = []): string {
  if (type === "rule.reordered") return t("order");
  const told = type === "device.schema_changed" ? data.device_type : data.name;
  if (typeof told === "string" && told !== "") return told;
  return devices.find(({ id }) => id === subject)?.name ?? subject;
}

interface Named {
  id: string;
  name: string;
}

/** Why, and which version came of it. */
export function detailOf({ data }: JournalEvent): string {
  const version =
    typeof data.version === "number" ? t("version {version}", { version: data.version }) : "";
  const comment = [data.comment, data.change_comment].find(
    (text) => typeof text === "string" && text !== "",
  );
  const fields = fieldsOf(data);
  const more = fields.length > 3 ? t("and {n} more", { n: fields.length - 3 }) : "";
  const what = comment ?? [...fields.slice(0, 3).map(optionLabel), more].filter(Boolean).join(", ");
  return [version, what].filter(Boolean).join(": ");
}

/** The names of the rules in the order that a change tells of. */
export function orderOf({ data }: JournalEvent, which: "before" | "after"): string[] {
  const names = data[which];
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

/** An order of before for the rules of today: those that it does not know come last. */
export const orderAgain = (names: string[], now: string[]): string[] => [
  ...names.filter((name) => now.includes(name)),
  ...now.filter((name) => !names.includes(name)),
];

/** The rules that stand at another place after a change. */
export const movedIn = (before: string[], after: string[]): ReadonlySet<string> =>
  new Set(after.filter((name, place) => before[place] !== name));

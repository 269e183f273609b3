import { type Kind, KINDS } from "../../api/changes";
import type { JournalEvent } from "../../api/types";

/** Changes of the configuration, in words. Pure. */

export const KIND_WORDS: Record<Kind, string> = {
  rule: "Rules",
  target: "Targets",
  module: "Modules",
  device: "Devices",
};

export const kindOf = ({ type }: JournalEvent): Kind | null =>
  KINDS.find((kind) => type.startsWith(`${kind}.`)) ?? null;

const VERBS: Record<string, string> = {
  created: "made",
  updated: "changed",
  deleted: "deleted",
  reordered: "put in another order",
  parameter_changed: "parameters changed",
  schema_changed: "schema of parameters changed",
};

export const verbOf = ({ type }: JournalEvent): string => {
  const verb = type.split(".")[1] ?? "";
  return VERBS[verb] ?? verb.replaceAll("_", " ");
};

/** What was changed, by the name that people know. */
export function nameOf({ subject, data }: JournalEvent): string {
  return typeof data.name === "string" && data.name !== "" ? data.name : subject;
}

/** Why, and which version came of it. */
export function detailOf({ data }: JournalEvent): string {
  const version = typeof data.version === "number" ? `version ${data.version}` : "";
  const comment = [data.comment, data.change_comment].find(
    (text) => typeof text === "string" && text !== "",
  );
  return [version, comment].filter(Boolean).join(": ");
}

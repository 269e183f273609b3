import { t } from "../../i18n";
import { type Field, type Json, type JsonObject, limitsInWords } from "./schema";

/**
 * What is typed into the form of a document, by the path of each field, and back again. Pure.
 * The lengths of lists stand at `path.length`; what the schema does not name stands at `REST`.
 */
export type Draft = Readonly<Record<string, string>>;

/** No field is called so: a path never begins with a point. Below it, what groups have besides. */
export const REST = ".rest";
const restOf = (path: string): string => `${REST}.${path}`;
/** Of a field that is empty: the empty value that was there. */
export const blankOf = (path: string): string => `.blank.${path}`;

export interface Read {
  /** What cannot be read stands here as it was typed. */
  parameter: JsonObject;
  problems: Record<string, string>;
}

// --- a document, as typed --------------------------------------------------------------------

export function draftOf(fields: Field[], document: JsonObject): Draft {
  const draft: Record<string, string> = {};
  for (const field of fields) type(draft, field, document[field.name]);
  const rest = without(document, fields);
  draft[REST] = Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : "";
  return draft;
}

function type(draft: Record<string, string>, field: Field, value: Json | undefined): void {
  const { path, kind, entry } = field;
  if (kind === "group" && (value === undefined || isObject(value))) {
    for (const member of field.fields) type(draft, member, value?.[member.name]);
    const rest = value && without(value, field.fields);
    // An empty group is kept, too.
    if (rest && (Object.keys(rest).length > 0 || Object.keys(value).length === 0)) {
      draft[restOf(path)] = JSON.stringify(rest);
    }
  } else if (kind === "list" && entry && (value === undefined || Array.isArray(value))) {
    const length = Math.max(value?.length ?? 0, field.limits.minItems ?? 0);
    if (value || length > 0) draft[lengthOf(path)] = String(length);
    for (let at = 0; at < length; at += 1) type(draft, entryAt(field, at), value?.[at]);
  } else {
    draft[path] = typed(kind, value);
    if (value === null ? field.nullable : value === "") draft[blankOf(path)] = String(value);
  }
}

function without(value: JsonObject, fields: Field[]): JsonObject {
  const known = new Set(fields.map(({ name }) => name));
  return Object.fromEntries(Object.entries(value).filter(([name]) => !known.has(name)));
}

function typed(kind: Field["kind"], value: Json | undefined): string {
  if (value === undefined) return "";
  if (kind === "choice") return JSON.stringify(value);
  if (kind === "json") return JSON.stringify(value, null, 2);
  if (value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export const lengthOf = (path: string): string => `${path}.length`;

/** How many entries of a list are shown. */
export const entriesOf = (draft: Draft, { path }: Field): number =>
  Number(draft[lengthOf(path)] ?? 0);

/** The field of one entry of a list. */
export function entryAt(list: Field, at: number): Field {
  const path = `${list.path}.${at}`;
  const entry = list.entry as Field;
  return { ...entry, path, name: String(at), label: `${list.label} ${at + 1}` };
}

/** Takes one entry out of a list; those behind it move up. */
export function withoutEntry(draft: Draft, list: Field, at: number): Draft {
  const next = { ...draft };
  const last = entriesOf(draft, list) - 1;
  for (let to = at; to < last; to += 1) {
    next[`${list.path}.${to}`] = draft[`${list.path}.${to + 1}`] ?? "";
  }
  delete next[`${list.path}.${last}`];
  next[lengthOf(list.path)] = String(last);
  return next;
}

// --- what was typed, as a document -----------------------------------------------------------

const NOTHING = Symbol("nothing was entered");
type Value = Json | typeof NOTHING;

export function readDraft(fields: Field[], draft: Draft): Read {
  const problems: Record<string, string> = {};
  const parameter = membersOf(fields, draft, problems);
  const rest = draft[REST]?.trim() ?? "";
  if (rest !== "") {
    const read = readObject(rest);
    if ("problem" in read) problems[REST] = read.problem;
    else Object.assign(parameter, { ...read.value, ...parameter });
  }
  return { parameter, problems };
}

function membersOf(fields: Field[], draft: Draft, problems: Record<string, string>): JsonObject {
  const document: JsonObject = {};
  for (const field of fields) {
    const value = valueOf(field, draft, problems);
    if (value !== NOTHING) document[field.name] = value;
  }
  return document;
}

function valueOf(field: Field, draft: Draft, problems: Record<string, string>): Value {
  // A value that is no group or list, though the schema says so, stands there as it was typed.
  const whole = draft[field.path];
  if (field.kind === "group" && whole === undefined) return groupOf(field, draft, problems);
  if (field.kind === "list" && whole === undefined) return listOf(field, draft, problems);
  const text = whole ?? "";
  if ((field.kind === "text" ? text : text.trim()) === "") {
    const before = draft[blankOf(field.path)];
    if (before === "null" || (field.nullable && field.required)) return null;
    if (before === "" && !field.limits.minLength) return "";
    if (!field.required) return NOTHING;
    if (field.kind === "text" && !field.limits.minLength) return "";
    problems[field.path] = t("is needed");
    return NOTHING;
  }
  const read = leafOf(field, text);
  if ("problem" in read) {
    problems[field.path] = read.problem;
    return text;
  }
  return read.value;
}

function groupOf(field: Field, draft: Draft, problems: Record<string, string>): Value {
  const inside: Record<string, string> = {};
  const members = membersOf(field.fields, draft, inside);
  const rest = draft[restOf(field.path)];
  if (Object.keys(members).length === 0 && !field.required && rest === undefined) return NOTHING;
  Object.assign(problems, inside);
  return { ...(rest && (JSON.parse(rest) as JsonObject)), ...members };
}

function listOf(field: Field, draft: Draft, problems: Record<string, string>): Value {
  const length = entriesOf(draft, field);
  const at = Array.from({ length }, (_, index) => entryAt(field, index));
  const blank = at.every(({ path }) => (draft[path] ?? "").trim() === "");
  const untouched = draft[lengthOf(field.path)] === undefined || (length > 0 && blank);
  if (untouched && !field.required) return NOTHING;
  const { minItems = 0, maxItems = Infinity } = field.limits;
  if (length < minItems || length > maxItems) {
    problems[field.path] =
      minItems === maxItems
        ? t("has to have {minItems} values", { minItems })
        : length < minItems
          ? t("has to have at least {minItems} values", { minItems })
          : t("may have at most {maxItems} values", { maxItems });
  }
  return at
    .map((entry) => valueOf(entry, draft, problems))
    .map((value) => (value === NOTHING ? "" : value));
}

type Leaf = { value: Json } | { problem: string };

function leafOf(field: Field, text: string): Leaf {
  switch (field.kind) {
    case "number":
    case "integer":
      return numberOf(field, text);
    case "boolean":
      return text === "true" || text === "false"
        ? { value: text === "true" }
        : { problem: t("has to be yes or no") };
    case "text":
      return textOf(field, text);
    case "choice":
      return choiceOf(field, text);
    case "json":
    case "list":
    case "group":
      return jsonOf(text);
  }
}

const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;

function numberOf(field: Field, text: string): Leaf {
  const trimmed = text.trim();
  const value = Number(trimmed.replace(",", "."));
  if (!NUMBER.test(trimmed) || !Number.isFinite(value)) return { problem: t("has to be a number") };
  if (field.kind === "integer" && !Number.isInteger(value)) {
    return { problem: t("has to be a whole number") };
  }
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field.limits;
  const out =
    (minimum !== undefined && value < minimum) ||
    (maximum !== undefined && value > maximum) ||
    (exclusiveMinimum !== undefined && value <= exclusiveMinimum) ||
    (exclusiveMaximum !== undefined && value >= exclusiveMaximum);
  return out
    ? { problem: t("has to be {limitsInWords}", { limitsInWords: limitsInWords(field) }) }
    : { value };
}

function textOf(field: Field, text: string): Leaf {
  const { minLength = 0, maxLength = Infinity } = field.limits;
  const length = Array.from(text).length;
  if (length < minLength)
    return { problem: t("has to have at least {minLength} characters", { minLength }) };
  if (length > maxLength)
    return { problem: t("may have at most {maxLength} characters", { maxLength }) };
  return { value: text };
}

function choiceOf(field: Field, text: string): Leaf {
  const read = jsonOf(text);
  if ("problem" in read || field.choices.some((choice) => JSON.stringify(choice) === text)) {
    return read;
  }
  return {
    problem: t("has to be one of {choices}", { choices: field.choices.map(choiceWord).join(", ") }),
  };
}

export const choiceWord = (choice: Json): string =>
  typeof choice === "string" ? choice : JSON.stringify(choice);

function jsonOf(text: string): Leaf {
  try {
    return { value: JSON.parse(text) as Json };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : t("is not JSON") };
  }
}

/** The object that was typed, or what keeps it from being one. */
export function readObject(text: string): { value: JsonObject } | { problem: string } {
  const read = jsonOf(text);
  if ("problem" in read) return read;
  return isObject(read.value)
    ? { value: read.value }
    : { problem: t('Parameters are an object: { "name": value }.') };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// --- what the server says of fields ----------------------------------------------------------

interface Found {
  field: string;
  problem: string;
}

/** Problems by the field that shows them; what belongs to no field is under the empty path. */
export function byField(fields: Field[], draft: Draft, found: Found[]): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const { field, problem } of found) {
    const shown = shownAt(fields, draft, field);
    const words = shown === field || field === "" ? problem : `${field}: ${problem}`;
    problems[shown] = problems[shown] ? `${problems[shown]}; ${words}` : words;
  }
  return problems;
}

function shownAt(fields: Field[], draft: Draft, path: string): string {
  for (const field of fields) {
    if (path !== field.path && !path.startsWith(`${field.path}.`)) continue;
    if (field.kind === "group") return shownAt(field.fields, draft, path) || field.path;
    return path !== field.path && path in draft ? path : field.path;
  }
  return "";
}

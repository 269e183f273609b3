/** What a JSON Schema (2020-12) says of a document, as the fields of a form. Pure. */

import { t } from "../../i18n";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export type FieldKind =
  "number" | "integer" | "boolean" | "choice" | "text" | "list" | "group" | "json";

export interface Field {
  /** Where it is in the document: `shims.1`. */
  path: string;
  /** The last part of the path. */
  name: string;
  label: string;
  description: string | null;
  unit: string | null;
  kind: FieldKind;
  required: boolean;
  nullable: boolean;
  /** Changed by people only, and by no device or calibration. */
  peopleOnly: boolean;
  /** Written and never read: an empty one stays as it is. */
  secret: boolean;
  /** A text of several lines. */
  long: boolean;
  limits: Limits;
  choices: Json[];
  /** What counts while nothing is entered; undefined: nothing does. */
  fallback?: Json;
  /** Members of a group. */
  fields: Field[];
  /** What each entry of a list is. */
  entry: Field | null;
}

export interface Limits {
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

type Schema = Record<string, unknown>;

const DEEPEST = 20;
/** A text that may be longer than this is typed in several lines. */
const LONG = 2000;
/** A text may be longer than this without a word about it. */
const UNCOUNTED = 100;
const LIMITS = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
] as const satisfies (keyof Limits)[];

/** The fields of the document; what cannot be drawn is of the kind `json`. */
export function fieldsOf(root: Schema): Field[] {
  return membersOf(resolved(root, root, 0), root, "", 0);
}

/** Whether members that the schema does not name are refused. */
export const isClosed = (root: Schema): boolean =>
  resolved(root, root, 0).additionalProperties === false;

function membersOf(schema: Schema, root: Schema, path: string, depth: number): Field[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return (
    Object.entries(asSchema(schema.properties))
      // A path could not tell these apart: they are left to the part that is edited as JSON.
      .filter(([name]) => name !== "" && !name.includes("."))
      .map(([name, member]) =>
        fieldOf(asSchema(member), root, {
          path: path ? `${path}.${name}` : name,
          name,
          required: required.includes(name),
          depth,
        }),
      )
  );
}

interface Place {
  path: string;
  name: string;
  required: boolean;
  depth: number;
}

function fieldOf(schema: Schema, root: Schema, place: Place): Field {
  const { path, name, required, depth } = place;
  const found = resolved(schema, root, 0);
  const { type, nullable } = typeOf(found);
  const kind = depth > 2 ? "json" : kindOf(found, type);
  const field: Field = {
    path,
    name,
    required,
    nullable,
    kind,
    label: text(found.title) ?? inWords(name),
    description: text(found.description),
    unit: unitOf(found),
    peopleOnly: found.readOnly === true,
    secret: found.writeOnly === true,
    long: kind === "text" && (limitsOf(found).maxLength ?? 0) > LONG,
    limits: limitsOf(found),
    choices: Array.isArray(found.enum) ? (found.enum as Json[]) : [],
    ...("default" in found && { fallback: found.default as Json }),
    fields: kind === "group" ? membersOf(found, root, path, depth + 1) : [],
    entry: null,
  };
  if (kind !== "list") return field;
  const entry = fieldOf(asSchema(found.items), root, {
    path: `${path}.*`,
    name: "*",
    required: true,
    depth: depth + 1,
  });
  const drawn = ["number", "integer", "boolean", "choice", "text"].includes(entry.kind);
  return drawn
    ? { ...field, entry: { ...entry, unit: entry.unit ?? field.unit } }
    : { ...field, kind: "json" };
}

function kindOf(schema: Schema, type: string | null): FieldKind {
  if (Array.isArray(schema.enum)) return "choice";
  if (schema.oneOf || schema.anyOf || "const" in schema) return "json";
  switch (type) {
    case "number":
    case "integer":
    case "boolean":
      return type;
    case "string":
      return "text";
    case "array":
      return schema.items && !schema.prefixItems ? "list" : "json";
    case "object":
      return Object.keys(asSchema(schema.properties)).length > 0 ? "group" : "json";
    default:
      return "json";
  }
}

function typeOf(schema: Schema): { type: string | null; nullable: boolean } {
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]) as unknown[];
  const real = types.filter((type) => type !== "null");
  const nullable = real.length < types.length || schema.nullable === true;
  return { type: real.length === 1 ? text(real[0]) : null, nullable };
}

/** `unit: "1"` is the unit of what has none. */
function unitOf(schema: Schema): string | null {
  const unit = text(schema.unit);
  // As people write it: uT^2 is µT².
  return unit === "1" ? null : (unit?.replace(/\bu(?=[A-Z])/g, "µ").replace("^2", "²") ?? null);
}

function limitsOf(schema: Schema): Limits {
  const limits: Limits = {};
  for (const name of LIMITS) {
    const value = schema[name];
    if (typeof value === "number") limits[name] = value;
  }
  return limits;
}

/** A schema with what its `$ref`, its `allOf` and its "this or null" stand for. */
function resolved(schema: Schema, root: Schema, depth: number): Schema {
  if (depth > DEEPEST) return {};
  const { $ref, allOf, ...own } = schema;
  let found: Schema = {};
  if (typeof $ref === "string")
    found = merged(found, resolved(pointedAt(root, $ref), root, depth + 1));
  if (Array.isArray(allOf)) {
    for (const part of allOf) found = merged(found, resolved(asSchema(part), root, depth + 1));
  }
  found = merged(found, own);
  for (const either of ["anyOf", "oneOf"]) {
    const parts = found[either];
    if (!Array.isArray(parts)) continue;
    const real = parts.map(asSchema).filter(({ type }) => type !== "null");
    if (real.length !== 1 || real.length === parts.length) continue;
    const { [either]: _, ...rest } = found;
    found = { ...merged(resolved(real[0] ?? {}, root, depth + 1), rest), nullable: true };
  }
  return found;
}

/** Both hold: the narrower limit, the members and the required of both. */
function merged(first: Schema, second: Schema): Schema {
  const both: Schema = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const before = both[name];
    if (name === "items" && isSchema(before) && isSchema(value)) both[name] = merged(before, value);
    else if (name === "properties") {
      const members = asSchema(before);
      const added = Object.entries(asSchema(value)).map(([member, schema]) => [
        member,
        merged(asSchema(members[member]), asSchema(schema)),
      ]);
      both[name] = { ...members, ...Object.fromEntries(added) };
    } else if (name === "required" && Array.isArray(before) && Array.isArray(value)) {
      both[name] = [...new Set([...before, ...value])];
    } else if (typeof before === "number" && typeof value === "number" && isLimit(name)) {
      both[name] = /^min|^exclusiveMin/.test(name)
        ? Math.max(before, value)
        : Math.min(before, value);
    } else both[name] = value;
  }
  return both;
}

const isLimit = (name: string): boolean => (LIMITS as readonly string[]).includes(name);

function pointedAt(root: Schema, reference: string): Schema {
  let node: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    node = asSchema(node)[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return asSchema(node);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
const asSchema = (value: unknown): Schema => (isSchema(value) ? value : {});
const text = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;

/** `larmor_frequency` reads "Larmor frequency". */
export function inWords(name: string): string {
  const words = name.split("_").filter(Boolean).join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What may be entered, in words: "0.1 to 10", "more than 0". */
export function limitsInWords({ limits, kind }: Field): string | null {
  if (kind === "text") {
    const { minLength = 0, maxLength } = limits;
    // Nobody counts to more than this: the limit is told once it is passed.
    const most = maxLength === undefined || maxLength > UNCOUNTED ? undefined : maxLength;
    if (most === undefined)
      return minLength > 1 ? t("at least {minLength} characters", { minLength }) : null;
    return minLength > 0
      ? t("{minLength} to {maxLength} characters", { minLength, maxLength })
      : null;
  }
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = limits;
  if (minimum !== undefined && maximum !== undefined)
    return t("{minimum} to {maximum}", { minimum, maximum });
  const low =
    minimum !== undefined
      ? t("at least {minimum}", { minimum })
      : exclusiveMinimum !== undefined
        ? t("more than {exclusiveMinimum}", { exclusiveMinimum })
        : null;
  const high =
    maximum !== undefined
      ? t("at most {maximum}", { maximum })
      : exclusiveMaximum !== undefined
        ? t("less than {exclusiveMaximum}", { exclusiveMaximum })
        : null;
  return [low, high].filter(Boolean).join(", ") || null;
}

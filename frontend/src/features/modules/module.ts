import schema from "../../api/module-schema.json";
import type { JobDefinition } from "../../api/jobs";
import type { Module, ModuleIn, ModuleRunner } from "../../api/modules";
import type { Rule } from "../../api/routing";
import { decimal, t } from "../../i18n";
import { isObject } from "../../shared/schema/draft";
import {
  type Field,
  fieldsOf,
  inWords,
  type Json,
  type JsonObject,
} from "../../shared/schema/schema";
import { valueInWords } from "../../shared/schema/words";
import { HEALTH, type StatusLook } from "../../shared/status";

/** Whether a rule can have it in a chain: a job of a package that works on images. */
export const chainable = ({ source, events = [], inputs = [] }: JobDefinition): boolean =>
  source === "entry point" &&
  events.length > 0 &&
  inputs.some(({ kinds }) => kinds.includes("images"));

/** What the server refused of the settings of a job, by their names. */
export const settingProblems = (
  refused: { field: string; problem: string }[],
): Record<string, string> =>
  Object.fromEntries(
    refused
      .filter(({ field }) => field.startsWith("settings."))
      .map(({ field, problem }) => [field.slice("settings.".length), problem]),
  );

/** An object, from JSON as it is typed; null: it is none. */
export function jsonObject(text: string): JsonObject | null {
  try {
    const found: unknown = JSON.parse(text);
    return isObject(found) ? found : null;
  } catch {
    return null;
  }
}

/** What a processing module is, in words and as the fields of a form. Pure. */

export const RUNNERS: Record<ModuleRunner, { name: string; about: string }> = {
  container: { name: t("Container"), about: t("An image that podman or docker runs, kept apart") },
  process: {
    name: t("Process"),
    about: t("A Python file on the server, with the server's rights"),
  },
  job: { name: t("Job"), about: t("A job of the SDK, whose package is installed on the server") },
};

/** What a field says to people, where its name or the words of the API would not. */
const WORDS: Record<string, Partial<Pick<Field, "label" | "description" | "unit">>> = {
  docker_tag: {
    label: t("Image"),
    description: t("With its tag, as it is called where containers run: segmentation:2.1"),
  },
  entry_point: {
    label: t("Python file"),
    description: t("Below the folder of modules of the server; or a folder with a __main__.py"),
  },
  job: { label: t("Job"), description: t("Its id; a package beside the server brings it") },
  settings: { description: t("JSON that the module finds in task.json; a rule may overlay it") },
  timeout_s: { label: t("Time limit"), unit: "s", description: t("Empty: that of the server") },
  memory_bytes: {
    label: t("Memory limit"),
    unit: "MiB",
    description: t("Empty: that of the server"),
  },
  output_bytes: {
    label: t("May write"),
    unit: "MiB",
    description: t("All files together; empty: as the server says"),
  },
  output_files: { label: t("Files that it may make"), description: t("Empty: as the server says") },
  cpus: { label: t("Processors"), description: t("Empty: as the server says") },
  docker_arguments: {
    label: t("Further limits"),
    description: t('JSON, as docker calls them: { "pids_limit": 200, "shm_size": "1g" }'),
  },
  additional_volumes: {
    label: t("Folders of the server"),
    description: t('JSON: { "/data/models": { "bind": "/models", "mode": "ro" } }'),
  },
  network_enabled: { label: t("Network"), description: t("Without, it reaches nothing") },
  requires_root: { label: t("Runs as root"), description: t("Where the server allows it") },
  input_writable: {
    label: t("May change its input"),
    description: t("It gets copies, which take time and room"),
  },
  requires_persistence: { label: t("Keeps a folder"), description: t("From one run to the next") },
  persistence_folder_name: {
    label: t("Name of the folder"),
    description: t("Empty: that of the module"),
  },
};
const OF_CONTAINERS = [
  "docker_tag",
  "docker_arguments",
  "additional_volumes",
  "network_enabled",
  "requires_root",
  "constraints",
  "resources",
];
const OF_PROCESSES = ["entry_point"];
const OF_JOBS = ["job", "peers"];
const OTHERS: Record<ModuleRunner, string[]> = {
  container: [...OF_PROCESSES, ...OF_JOBS],
  process: [...OF_CONTAINERS, ...OF_JOBS],
  job: [...OF_CONTAINERS, ...OF_PROCESSES],
};
const GROUPS: [string, string[]][] = [
  [t("What runs"), ["docker_tag", "entry_point", "job", "peers"]],
  [t("Settings"), ["settings"]],
  [
    t("Limits"),
    ["timeout_s", "memory_bytes", "cpus", "output_bytes", "output_files", "docker_arguments"],
  ],
  [
    t("What it may do"),
    [
      "network_enabled",
      "requires_root",
      "input_writable",
      "requires_persistence",
      "persistence_folder_name",
      "additional_volumes",
    ],
  ],
];
/** Shown elsewhere: the runner is chosen first, and variables are written, never read. */
const APART = ["name", "runner", "environment"];
const MIB = 2 ** 20;
/** The server counts bytes. */
const IN_MIB = ["memory_bytes", "output_bytes"];

export interface FieldGroup {
  title: string;
  fields: Field[];
}

/** The settings of a module that runs so, in the order in which they are asked. */
export function fieldGroups(runner: ModuleRunner): FieldGroup[] {
  const others = OTHERS[runner];
  const fields = fieldsOf(schema)
    .filter(({ name }) => !APART.includes(name) && !others.includes(name))
    .map(asDrawn);
  const grouped = GROUPS.flatMap(([, names]) => names);
  const groups = GROUPS.map(([title, names]) => ({
    title,
    fields: names.flatMap((name) => fields.filter((field) => field.name === name)),
  }));
  const rest = fields.filter(({ name }) => !grouped.includes(name));
  return [...groups, { title: t("For people"), fields: rest }].filter(
    (group) => group.fields.length > 0,
  );
}

export const allFields = (runner: ModuleRunner): Field[] =>
  fieldGroups(runner).flatMap(({ fields }) => fields);

function asDrawn(field: Field): Field {
  const { name, kind, limits } = field;
  const words = WORDS[name] ?? {};
  const { minimum = 0, maximum = Infinity } = limits;
  return {
    ...field,
    label: inWords(name),
    ...words,
    ...(IN_MIB.includes(name) && {
      kind: "number" as const,
      limits: { minimum: minimum / MIB, maximum: maximum / MIB },
    }),
    // The server always has a value: "not set" would be one choice too many.
    required: kind === "boolean" || FIRST.includes(name),
    ...(kind === "text" && !field.long && FIRST.includes(name) && { limits: { minLength: 1 } }),
  };
}
const FIRST = ["docker_tag", "entry_point", "job"];

// --- a module as the document that its form shows ----------------------------------------------

/** The settings of a module that go back as they came, with sizes as people give them. */
export function settingsOf(module: Module): JsonObject {
  const {
    version: _v,
    created_at: _c,
    updated_at: _u,
    problems: _p,
    environment: _e,
    runner: _r,
    name: _n,
    ...settings
  } = module;
  return inMib(settings as unknown as JsonObject, 1 / MIB);
}

/** What a new module begins with. */
export function newSettings(): JsonObject {
  const properties = schema.properties as Record<string, { default?: Json }>;
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => !APART.includes(name))
      .map(([name, { default: value }]) => [name, value ?? null]),
  );
}

/** The document as it is sent. */
export const sent = (document: JsonObject): JsonObject => inMib(document, MIB);

function inMib(document: JsonObject, factor: number): JsonObject {
  const sizes = IN_MIB.flatMap((name) => {
    const size = document[name];
    if (typeof size !== "number") return [];
    return [[name, factor > 1 ? Math.round(size * factor) : size * factor]];
  });
  return { ...document, ...(Object.fromEntries(sizes) as JsonObject) };
}

/** The document that was typed, with what the form of this runner does not show. */
export function wholeOf(base: JsonObject, runner: ModuleRunner, typed: JsonObject): JsonObject {
  const shown = allFields(runner).map(({ name }) => name);
  const hidden = Object.entries(base).filter(([name]) => !shown.includes(name));
  const empty = shown
    .filter((name) => typed[name] === undefined)
    .map((name) => [name, EMPTY[name]]);
  return { ...Object.fromEntries(hidden), ...Object.fromEntries(empty), ...typed } as JsonObject;
}

/** What a field that is left empty means. */
const EMPTY: Record<string, Json> = newSettings();

/** What has to be an object and is not, by field. */
export function unlikeObjects(runner: ModuleRunner, typed: JsonObject): Record<string, string> {
  const found = allFields(runner).filter(({ kind, name }) => {
    const value = typed[name];
    // What is no JSON at all stands there as a text, and is told of already.
    return kind === "json" && value !== undefined && typeof value !== "string" && !isObject(value);
  });
  return Object.fromEntries(
    found.map(({ path }) => [path, t('has to be an object: { "name": value }')]),
  );
}

// --- variables ---------------------------------------------------------------------------------

/** A variable as it is edited; one that is stored keeps its value while none is typed. */
export interface Variable {
  id: number;
  name: string;
  value: string;
  stored: boolean;
}

export const storedVariables = (names: string[]): Variable[] =>
  names.map((name, id) => ({ id, name, value: "", stored: true }));

/** What is sent; undefined: the variables stay as they are. */
export function environmentOf(
  variables: Variable[],
  stored: string[],
): ModuleIn["environment"] | undefined {
  const same =
    variables.length === stored.length &&
    variables.every(({ stored: known, value }) => known && value === "");
  if (same) return undefined;
  return Object.fromEntries(
    variables.map(({ name, value, stored: known }) => [
      name.trim(),
      known && value === "" ? null : value,
    ]),
  );
}

/** The variables once others were stored meanwhile: what was typed stays. */
export function variablesOver(variables: Variable[], stored: string[]): Variable[] {
  const kept = variables.filter(
    ({ name, value, stored: known }) => !known || value !== "" || stored.includes(name),
  );
  const names = new Set(kept.map(({ name }) => name));
  const last = Math.max(0, ...variables.map(({ id }) => id));
  const added = storedVariables(stored.filter((name) => !names.has(name)));
  return [
    ...kept.map((variable) => ({ ...variable, stored: stored.includes(variable.name) })),
    ...added.map((variable) => ({ ...variable, id: last + 1 + variable.id })),
  ];
}

/** What keeps variables from being saved, by the id of each. */
export function variableProblems(variables: Variable[]): Record<number, string> {
  const problems: Record<number, string> = {};
  const seen = new Set<string>();
  for (const { id, name } of variables) {
    const trimmed = name.trim();
    if (trimmed === "") problems[id] = t("is needed");
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(trimmed)) {
      problems[id] = t("letters, digits and _ only, no digit first");
    } else if (seen.has(trimmed)) problems[id] = t("is there twice");
    seen.add(trimmed);
  }
  return problems;
}

export const NAME_PROBLEM = t("letters, digits, _ and - only");
export const isName = (name: string): boolean => /^[0-9A-Za-z_-]+$/.test(name);

// --- as people read it -------------------------------------------------------------------------

export const moduleLook = ({ problems = [] }: Pick<Module, "problems">): StatusLook =>
  problems.length === 0
    ? { ...HEALTH.ok, word: t("Ready") }
    : { ...HEALTH.failing, word: t("Cannot run") };

/** The image, the file or the job. */
export const sourceOf = ({ runner, docker_tag, entry_point, job }: Module): string =>
  ({ container: docker_tag, process: entry_point, job })[runner];

/** The rules that name a module, disabled ones too: it cannot be deleted while there are any. */
export const rulesWith = (rules: Rule[], module: string): Rule[] =>
  rules.filter(({ processing_module = [] }) => processing_module.includes(module));

const NAMES: Record<string, string> = { environment: t("Variables"), runner: t("Runs as") };

/** `timeout_s` as the form calls it. */
export const settingLabel = (path: string): string => {
  const [name = "", ...inner] = path.split(".");
  const label = NAMES[name] ?? WORDS[name]?.label ?? inWords(name);
  return [label, ...inner].join(".");
};

export function settingWords(path: string, value: unknown): string {
  if (IN_MIB.includes(path) && typeof value === "number") {
    return `${decimal(Number((value / MIB).toFixed(1)))}\u202fMiB`;
  }
  if (path === "timeout_s" && typeof value === "number") return `${value}\u202fs`;
  return valueInWords(value);
}

import type { JobDefinition } from "../../api/jobs";
import { same } from "../../shared/schema/changes";
import { choiceWord } from "../../shared/schema/draft";
import { type Field, fieldsOf, type JsonObject } from "../../shared/schema/schema";
import { valueInWords } from "../../shared/schema/words";

/** What a job can be told, as the fields of a form. Pure. */

/** `Memory [GiB]` is Memory, in GiB. */
const IN_BRACKETS = /\s*\[([^\]]+)\]/;

export const jobFields = (job: JobDefinition): Field[] =>
  fieldsOf((job.parameters ?? {}) as Record<string, unknown>).map(withUnit);

function withUnit(field: Field): Field {
  const { label, description, unit } = field;
  const found = IN_BRACKETS.exec(label)?.[1] ?? IN_BRACKETS.exec(description ?? "")?.[1];
  if (unit || !found) return field;
  return {
    ...field,
    unit: found,
    label: label.replace(IN_BRACKETS, ""),
    description: description?.replace(IN_BRACKETS, "") ?? null,
  };
}

/** Without what says the same as the default: should that get better, the task gets it, too. */
export function withoutDefaults(fields: Field[], parameter: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(parameter).filter(([name, value]) => {
      const field = fields.find((one) => one.name === name);
      return field?.fallback === undefined || field.required || !same(field.fallback, value);
    }),
  );
}

/** What a task tells its job, where it is not the default; a line each. */
export function toldWords(fields: Field[], parameter: JsonObject): [string, string][] {
  return Object.entries(parameter).map(([name, value]) => {
    const field = fields.find((one) => one.name === name);
    const words = field?.kind === "choice" ? choiceWord(value) : valueInWords(value);
    return [field?.label ?? name, field?.unit ? `${words}\u202f${field.unit}` : words];
  });
}

/** Those of the platform first, then those of packages; older names of a job are not offered. */
export function offered(jobs: JobDefinition[], chosen: string): JobDefinition[] {
  const rank = ({ source }: JobDefinition) => (source === "built-in" ? 0 : 1);
  return jobs
    .filter(({ id }) => id === chosen || !OLDER_NAMES.includes(id))
    .toSorted((one, other) => rank(one) - rank(other));
}
const OLDER_NAMES = ["cartesian_reconstruction"];

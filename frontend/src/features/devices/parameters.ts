import type { CalibrationType, Device, ParameterSchema } from "../../api/types";
import { t } from "../../i18n";
import type { Field } from "../../shared/schema/schema";
import { parameterFact, valueInWords } from "../../shared/schema/words";

/** The schema that the parameters of a device follow. */
export function schemaOf(device: Device, schemas: ParameterSchema[]): ParameterSchema | null {
  return schemas.find(({ device_type }) => device_type === device.device_type) ?? null;
}

/** By the schema, with its own words and unit; without one, by the name. */
export function factOf(
  name: string,
  value: unknown,
  fields: Field[],
): { name: string; value: string } {
  const field = fields.find((candidate) => candidate.name === name);
  if (!field) return parameterFact(name, value);
  const unit = field.unit ? `\u202f${field.unit}` : "";
  return { name: field.label, value: valueInWords(value) + unit };
}

export const KINDS: Record<CalibrationType, string> = {
  frequency: t("Frequency"),
  "flip-angle": t("Flip angle"),
  shims: t("Shims"),
};

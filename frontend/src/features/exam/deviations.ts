import type { Task } from "../../api/types";
import { t } from "../../i18n";

/** Where a task is not what its protocol says, in words of the screen. */

const NAMES: Record<string, string> = {
  name: t("name"),
  destination: t("destination"),
  device_id: t("device"),
  sequence_id: t("sequence"),
  calibration: t("calibration"),
  dag_type: t("kind of job"),
  dag_id: t("job"),
  input_task_ids: t("input"),
  "acquisition_parameter.fov_scaling": t("FoV scaling"),
  "acquisition_parameter.fov_offset": t("FoV offset"),
  "acquisition_parameter.fov_rotation": t("FoV rotation"),
};

export const fieldName = (field: string): string =>
  NAMES[field] ?? field.replace(/^parameter\./, "").replaceAll("_", " ");

/** What the protocol says of a field that was changed; undefined where it is as the protocol. */
export function ofProtocol({ deviations = [] }: Task, field: string): unknown {
  return deviations.find((deviation) => deviation.field === field)?.template;
}

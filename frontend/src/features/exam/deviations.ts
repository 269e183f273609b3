import type { Task } from "../../api/types";

/** Where a task is not what its protocol says, in words of the screen. */

const NAMES: Record<string, string> = {
  name: "name",
  destination: "destination",
  device_id: "device",
  sequence_id: "sequence",
  calibration: "calibration",
  dag_type: "kind of job",
  dag_id: "job",
  input_task_ids: "input",
  "acquisition_parameter.fov_scaling": "FoV scaling",
  "acquisition_parameter.fov_offset": "FoV offset",
  "acquisition_parameter.fov_rotation": "FoV rotation",
};

export const fieldName = (field: string): string =>
  NAMES[field] ?? field.replace(/^parameter\./, "").replaceAll("_", " ");

/** What the protocol says of a field that was changed; undefined where it is as the protocol. */
export function ofProtocol({ deviations = [] }: Task, field: string): unknown {
  return deviations.find((deviation) => deviation.field === field)?.template;
}

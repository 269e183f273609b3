import { IconArchiveOff, IconCircleCheck, IconPencil } from "@tabler/icons-react";

import type { Protocol, ProtocolChange, Standing } from "../../api/library";
import type { Exam, Task, Workflow, XYZ } from "../../api/types";
import { capitalised } from "../../shared/format";
import type { StatusLook } from "../../shared/status";

/** What a protocol is and how two of them differ, in words. Pure. */

export const STANDING: Record<Standing, StatusLook> = {
  instance: { word: "Exam", icon: IconCircleCheck, color: "var(--status-idle)" },
  draft: { word: "Draft", icon: IconPencil, color: "var(--status-warn)" },
  released: { word: "Released", icon: IconCircleCheck, color: "var(--status-done)" },
  retired: { word: "Retired", icon: IconArchiveOff, color: "var(--status-idle)" },
};

/** How a template stands, by its own fields. */
export function standingOf({ released_at, retired_at }: Exam): Standing {
  if (retired_at) return "retired";
  return released_at ? "released" : "draft";
}

/** Which versions there are to work on and to use: `3 draft, 2 released`. */
export function versionWords({ newest, released }: Protocol): string {
  const first = `version ${newest.protocol_version}`;
  return released && released.exam_id !== newest.exam_id
    ? `${first}; ${released.protocol_version} is released`
    : first;
}

const FIELDS: Record<string, string> = {
  sequence_id: "Sequence",
  device_id: "Device",
  dag_id: "Job",
  dag_type: "Kind of job",
  input_task_ids: "Reads",
  acquisition_parameter: "Field of view",
  fov_scaling: "FoV scaling",
  fov_offset: "FoV offset",
  fov_rotation: "FoV rotation",
  parameter: "Parameters",
};

/** `acquisition_parameter.fov_offset.x` reads `FoV offset x`. */
export function fieldWords(field: string): string {
  const parts = field.split(".").filter((part, at) => at > 0 || part !== "acquisition_parameter");
  return capitalised(
    (parts.length > 0 ? parts : [field])
      .map((part) => FIELDS[part] ?? part.replaceAll("_", " "))
      .join(" "),
  );
}

const KINDS: Record<ProtocolChange["kind"], string> = {
  added: "added",
  removed: "removed",
  moved: "moved",
  changed: "changed",
};

/** What became of which part: `task GRE axial changed: FoV offset x`. */
export function changeTitle({ kind, what, name, workflow, field }: ProtocolChange): string {
  const where = workflow ? ` (${workflow})` : "";
  const part = what === "exam" ? "Protocol" : `${capitalised(what)} ${name}${where}`;
  return `${part} ${KINDS[kind]}${field ? `: ${fieldWords(field)}` : ""}`;
}

/** A value of a difference, in one line; names in the place of ids. */
export function valueWords(value: unknown, names: ReadonlyMap<string, string>): string {
  if (value === null || value === undefined || value === "") return "nothing";
  if (typeof value === "string") return names.get(value) ?? value;
  if (Array.isArray(value)) {
    return value.map((item) => valueWords(item, names)).join(", ") || "nothing";
  }
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([key, item]) => `${key} ${valueWords(item, names)}`)
      .join(", ");
  }
  return String(value);
}

/** The tasks whose results another one may read: all of the protocol but itself. */
export const readable = (workflows: Workflow[], task: Task | null): Task[] =>
  workflows.flatMap(({ tasks }) => tasks).filter(({ id }) => id !== task?.id);

/** The ids of a workflow's tasks with one moved up or down; null where it cannot go further. */
export function moved(tasks: Task[], at: number, by: -1 | 1): string[] | null {
  const ids = tasks.map(({ id }) => id);
  const other = ids[at + by];
  const one = ids[at];
  if (one === undefined || other === undefined) return null;
  ids[at] = other;
  ids[at + by] = one;
  return ids;
}

export const vectorWords = ({ x, y, z }: XYZ, unit: string): string =>
  `${x}  ${y}  ${z}${unit && `\u202f${unit}`}`;

/** Where a field of view is not the sequence's own. */
export function placementFacts(task: Task): [string, string][] {
  if (task.task_type !== "ACQUISITION" || !task.acquisition_parameter) return [];
  const { fov_scaling, fov_offset, fov_rotation } = task.acquisition_parameter;
  const told: [string, XYZ | undefined, number, string][] = [
    ["FoV scaling", fov_scaling, 1, ""],
    ["FoV offset", fov_offset, 0, "mm"],
    ["FoV rotation", fov_rotation, 0, "°"],
  ];
  return told.flatMap(([name, vector, plain, unit]) =>
    vector && [vector.x, vector.y, vector.z].some((value) => value !== plain)
      ? [[name, vectorWords(vector, unit)] as [string, string]]
      : [],
  );
}

import { IconArchiveOff, IconCircleCheck, IconPencil } from "@tabler/icons-react";

import type { Protocol, ProtocolChange, Standing } from "../../api/library";
import type { Exam, Task, Workflow, XYZ } from "../../api/types";
import { t } from "../../i18n";
import { capitalised } from "../../shared/format";
import type { StatusLook } from "../../shared/status";

/** What a protocol is and how two of them differ, in words. Pure. */

export const STANDING: Record<Standing, StatusLook> = {
  instance: { word: t("Exam"), icon: IconCircleCheck, color: "var(--status-idle)" },
  draft: { word: t("Draft"), icon: IconPencil, color: "var(--status-warn)" },
  released: { word: t("Released"), icon: IconCircleCheck, color: "var(--status-done)" },
  retired: { word: t("Retired"), icon: IconArchiveOff, color: "var(--status-idle)" },
};

/** How a template stands, by its own fields. */
export function standingOf({ released_at, retired_at }: Exam): Standing {
  if (retired_at) return "retired";
  return released_at ? "released" : "draft";
}

/** Which versions there are to work on and to use: `3 draft, 2 released`. */
export function versionWords({ newest, released }: Protocol): string {
  const first = t("version {protocolVersion}", { protocolVersion: newest.protocol_version });
  return released && released.exam_id !== newest.exam_id
    ? t("{first}; {version} is released", { first, version: released.protocol_version })
    : first;
}

const FIELDS: Record<string, string> = {
  patient_position: t("Patient position"),
  sequence_id: t("Sequence"),
  device_id: t("Device"),
  dag_id: t("Job"),
  dag_type: t("Kind of job"),
  input_task_ids: t("Reads"),
  acquisition_parameter: t("Field of view"),
  fov_scaling: t("FoV scaling"),
  fov_offset: t("FoV offset"),
  fov_rotation: t("FoV rotation"),
  parameter: t("Parameters"),
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
  added: t("added"),
  removed: t("removed"),
  moved: t("moved"),
  changed: t("changed"),
};

/** What became of which part: `task GRE axial changed: FoV offset x`. */
export function changeTitle({ kind, what, name, workflow, field }: ProtocolChange): string {
  const where = workflow ? ` (${workflow})` : "";
  const part = what === "exam" ? t("Protocol") : `${capitalised(what)} ${name}${where}`;
  return `${part} ${KINDS[kind]}${field ? `: ${fieldWords(field)}` : ""}`;
}

/** A value of a difference, in one line; names in the place of ids. */
export function valueWords(value: unknown, names: ReadonlyMap<string, string>): string {
  if (value === null || value === undefined || value === "") return t("nothing");
  if (typeof value === "string") return names.get(value) ?? value;
  if (Array.isArray(value)) {
    return value.map((item) => valueWords(item, names)).join(", ") || t("nothing");
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
    [t("FoV scaling"), fov_scaling, 1, ""],
    [t("FoV offset"), fov_offset, 0, "mm"],
    [t("FoV rotation"), fov_rotation, 0, "°"],
  ];
  return told.flatMap(([name, vector, plain, unit]) =>
    vector && [vector.x, vector.y, vector.z].some((value) => value !== plain)
      ? [[name, vectorWords(vector, unit)] as [string, string]]
      : [],
  );
}

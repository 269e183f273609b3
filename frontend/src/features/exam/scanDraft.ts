import type { AcquisitionTask, CalibrationType, XYZ } from "../../api/types";
import { t } from "../../i18n";

/** What a person may change of a scan: as typed, with the unit and limits of each value. Pure. */

export type PlacedName = "fov_scaling" | "fov_offset" | "fov_rotation";
export type Axis = keyof XYZ;
export const AXES: Axis[] = ["x", "y", "z"];

export interface Placed {
  name: PlacedName;
  label: string;
  unit: string;
  low: number;
  high: number;
  /** As the sequence has it. */
  normal: number;
}

export const PLACED: Placed[] = [
  // A factor beyond these is refused by the safety gate.
  { name: "fov_scaling", label: t("FoV scaling"), unit: "×", low: 0.001, high: 1000, normal: 1 },
  // Wider than any bore.
  { name: "fov_offset", label: t("FoV offset"), unit: "mm", low: -1000, high: 1000, normal: 0 },
  { name: "fov_rotation", label: t("FoV rotation"), unit: "°", low: -360, high: 360, normal: 0 },
];

export const CALIBRATIONS: [CalibrationType, string][] = [
  ["frequency", t("Frequency")],
  ["shims", t("Shims")],
  ["flip-angle", t("Flip angle")],
];

export type Typed = Partial<Record<`${PlacedName}.${Axis}`, string>>;

/** Only what was touched. */
export interface ScanDraft {
  name?: string;
  sequence_id?: string;
  calibration?: CalibrationType[];
  typed?: Typed;
}

export interface ReadDraft {
  /** The task with the draft; what is wrong in it is as stored. */
  planned: AcquisitionTask;
  problems: Record<string, string>;
  changed: boolean;
}

export const storedAt = (task: AcquisitionTask, placed: Placed): XYZ =>
  task.acquisition_parameter?.[placed.name] ?? {
    x: placed.normal,
    y: placed.normal,
    z: placed.normal,
  };

export function readScan(task: AcquisitionTask, draft: ScanDraft): ReadDraft {
  const problems: Record<string, string> = {};
  const name = draft.name?.trim() ?? task.name;
  if (name === "") problems.name = t("The scan needs a name");
  const placement = Object.fromEntries(
    PLACED.map((placed) => [placed.name, readPlaced(task, placed, draft.typed ?? {}, problems)]),
  ) as Record<PlacedName, XYZ>;
  const moved = PLACED.some((placed) => !same(placement[placed.name], storedAt(task, placed)));
  const planned: AcquisitionTask = {
    ...task,
    name: name || task.name,
    sequence_id: draft.sequence_id ?? task.sequence_id,
    calibration: draft.calibration ?? task.calibration,
    acquisition_parameter: moved ? placement : task.acquisition_parameter,
  };
  const changed =
    moved ||
    planned.name !== task.name ||
    planned.sequence_id !== task.sequence_id ||
    String(planned.calibration) !== String(task.calibration) ||
    Object.keys(problems).length > 0;
  return { planned, problems, changed };
}

function readPlaced(
  task: AcquisitionTask,
  placed: Placed,
  typed: Typed,
  problems: Record<string, string>,
): XYZ {
  const stored = storedAt(task, placed);
  const read = { ...stored };
  for (const axis of AXES) {
    const key = `${placed.name}.${axis}` as const;
    const text = typed[key];
    if (text === undefined) continue;
    const problem = problemOf(placed, text);
    if (problem) problems[key] = `${axis}: ${problem}`;
    else read[axis] = signedNumber(text) ?? placed.normal;
  }
  return read;
}

/** Why a value cannot be; it stays as typed, and is not made to fit. */
export function problemOf({ unit, low, high }: Placed, text: string): string | null {
  const value = signedNumber(text);
  if (value === null) return t("a number in {unit} is needed", { unit });
  if (value > high)
    return t("{value} {unit} is too large, the most is {high} {unit}", { value, unit, high });
  if (value < low)
    return t("{value} {unit} is too small, the least is {low} {unit}", { value, unit, low });
  return null;
}

export function signedNumber(typed: string): number | null {
  const text = typed.trim().replace(",", ".").replace("\u2212", "-");
  return /^-?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : null;
}

const same = (one: XYZ, other: XYZ) => AXES.every((axis) => one[axis] === other[axis]);

import type { SafetyVerdict } from "../../api/safety";
import type { AcquisitionTask, Sequence } from "../../api/types";
import { decimal, t } from "../../i18n";
import { duration } from "../../shared/format";
import { AXES, PLACED, storedAt } from "./scanDraft";

/** What a change of a scan would do, before it is made. */
export interface ScanEffect {
  name: string;
  before: string;
  after: string;
}

export interface Sides {
  task: AcquisitionTask;
  sequence: Sequence | null;
  verdict: SafetyVerdict | undefined;
}

const UNKNOWN = t("not known");

export function effectsOfDraft(before: Sides, after: Sides): ScanEffect[] {
  const row = (name: string, of: (side: Sides) => string): ScanEffect => ({
    name,
    before: of(before),
    after: of(after),
  });
  return [
    row(t("Scan time"), ({ sequence }) => duration(sequence?.facts?.duration_s)),
    row(t("Voxel"), voxel),
    row("SAR", ({ verdict }) => value(verdict?.estimates?.sar_6min_w_per_kg, "W/kg")),
    row("B1+rms", ({ verdict }) => value(verdict?.estimates?.b1_rms_6min_ut, "µT")),
    row("PNS", ({ verdict }) => value(verdict?.estimates?.pns_percent, "%")),
    row(t("Gradient"), ({ verdict }) =>
      value(verdict?.estimates?.peak_gradient_mt_per_m?.vector, "mT/m"),
    ),
  ];
}

function value(found: number | null | undefined, unit: string): string {
  return found == null ? UNKNOWN : `${decimal(Number(found.toPrecision(3)))}\u202f${unit}`;
}

/**
 * Size of a voxel in mm. With one factor for all axes the order of axes does not matter; else the
 * field of view has to be that of x, y and z, and it is not told which of them is read out.
 */
export function voxel({ task, sequence }: Pick<Sides, "task" | "sequence">): string {
  const { field_of_view_m: field, matrix } = sequence?.facts ?? {};
  const [scaling] = PLACED;
  if (!field || !matrix || field.length !== matrix.length || !scaling) return UNKNOWN;
  const factors = storedAt(task, scaling);
  if (AXES.some((axis) => factors[axis] !== factors.x)) return UNKNOWN;
  const sizes = field.map((metres, at) => (metres * 1000 * factors.x) / (matrix[at] || Number.NaN));
  if (sizes.some((size) => !Number.isFinite(size))) return UNKNOWN;
  return `${sizes.map((size) => decimal(Number(size.toPrecision(3)))).join(" × ")}\u202fmm`;
}

/** What the sequence itself says, with units: read only, for its file never changes. */
export function sequenceWords({ facts }: Sequence): [string, string][] {
  if (!facts) return [];
  const ms = (seconds: number | null | undefined) =>
    seconds == null ? null : `${decimal(Number((seconds * 1000).toPrecision(4)))}\u202fms`;
  const listed = (items: (number | null)[] | null | undefined, unit: string) =>
    items?.length
      ? `${items.map((item) => decimal(Number((item ?? 0).toPrecision(4)))).join(", ")}\u202f${unit}`
      : null;
  const found: [string, string | null][] = [
    [t("Repetition time"), ms(facts.repetition_time_s)],
    [
      t("Echo time"),
      facts.echo_times_s ? facts.echo_times_s.map(ms).join(", ") : ms(facts.echo_time_s),
    ],
    [t("Inversion time"), ms(facts.inversion_time_s)],
    [t("Flip angle"), listed(facts.flip_angles_deg, "°")],
    [t("Matrix"), facts.matrix?.join(" × ") ?? null],
    [
      t("Field of view"),
      facts.field_of_view_m
        ? `${facts.field_of_view_m.map((m) => decimal(Number((m * 1000).toPrecision(4)))).join(" × ")}\u202fmm`
        : null,
    ],
    [t("Slices"), facts.num_slices == null ? null : String(facts.num_slices)],
    [
      t("Bandwidth"),
      facts.bandwidth_hz == null
        ? null
        : `${decimal(Number((facts.bandwidth_hz / 1000).toPrecision(4)))}\u202fkHz`,
    ],
    [t("Trajectory"), facts.trajectory ?? null],
  ];
  return found.filter((line): line is [string, string] => line[1] !== null);
}

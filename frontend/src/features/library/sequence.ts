import type { SequenceFacts } from "../../api/library";
import type { Device, SystemLimits } from "../../api/types";
import { decimal, t } from "../../i18n";
import { duration } from "../../shared/format";

/** What a sequence file says, and whether a scanner could play it. Pure. */

const round = (value: number, digits = 3) => decimal(Number(value.toPrecision(digits)));
const ms = (value: number) => `${round(value * 1e3, 4)}\u202fms`;

/** What a person asks first of a sequence; the viewer tells the rest. */
export function keyFacts(facts: SequenceFacts): [string, string][] {
  const { matrix, field_of_view_m: fov, flip_angles_deg: flips } = facts;
  const told: [string, string | null][] = [
    [t("Scan time"), duration(facts.duration_s)],
    ["TR", facts.repetition_time_s == null ? null : ms(facts.repetition_time_s)],
    ["TE", facts.echo_time_s == null ? null : ms(facts.echo_time_s)],
    ["TI", facts.inversion_time_s == null ? null : ms(facts.inversion_time_s)],
    [t("Flip angle"), flips?.length ? `${flips.map((flip) => round(flip)).join(", ")}°` : null],
    [t("Trajectory"), facts.trajectory ?? null],
    [t("Matrix"), matrix?.length ? matrix.join(" × ") : null],
    [
      t("Field of view"),
      fov?.length ? `${fov.map((m) => round(m * 1e3)).join(" × ")}\u202fmm` : null,
    ],
    [t("Slices"), facts.num_slices == null ? null : String(facts.num_slices)],
    [t("Readouts"), String(facts.num_readouts)],
    [t("Blocks"), String(facts.num_blocks)],
    ["Pulseq", facts.pulseq_version],
  ];
  return told.filter((fact): fact is [string, string] => fact[1] !== null);
}

/** What it asks of the hardware and of the patient. */
export function loadFacts(facts: SequenceFacts): [string, string][] {
  const told: [string, number | null | undefined, string][] = [
    [t("Peak gradient"), facts.peak_gradient_mt_per_m?.vector, "mT/m"],
    [t("Peak slew rate"), facts.peak_slew_t_per_m_per_s?.vector, "T/m/s"],
    [t("Peak B1"), facts.peak_b1_ut, "µT"],
    [t("B1+rms over 6 min"), facts.b1_rms_6min_ut, "µT"],
    [t("PNS, of the threshold"), facts.pns_percent, "%"],
  ];
  return told.flatMap(([name, value, unit]) =>
    value == null ? [] : [[name, `${round(value)}\u202f${unit}`] as [string, string]],
  );
}

export interface Limit {
  name: string;
  asked: string;
  limit: string;
}

/** Where a sequence asks for more than the hardware of a device can do. */
export function beyond(facts: SequenceFacts, limits: SystemLimits): Limit[] {
  const { peak_gradient_mt_per_m: gradient, peak_slew_t_per_m_per_s: slew } = facts;
  const axes = ["x", "y", "z"] as const;
  const asked: [string, number | null | undefined, number | null | undefined, string][] = [
    ...axes.map(
      (axis, at) =>
        [
          t("Gradient {axis}", { axis }),
          gradient?.[axis],
          limits.max_gradients?.[at],
          "mT/m",
        ] as const,
    ),
    ...axes.map(
      (axis, at) =>
        [
          t("Slew rate {axis}", { axis }),
          slew?.[axis],
          limits.max_slew_rates?.[at],
          "T/m/s",
        ] as const,
    ),
    ["B1", facts.peak_b1_ut, limits.max_rf_amplitude, "µT"],
    [t("B1+rms over 10 s"), facts.b1_rms_10s_ut, limits.max_b1_rms, "µT"],
    [t("RF pulse"), facts.longest_rf_pulse_s, limits.max_rf_duration, "s"],
    [t("Scan time"), facts.duration_s, limits.max_duration, "s"],
  ].map(
    (row) => [...row] as [string, number | null | undefined, number | null | undefined, string],
  );
  return asked.flatMap(([name, value, most, unit]) =>
    value == null || most == null || value <= most
      ? []
      : [{ name, asked: `${round(value)}\u202f${unit}`, limit: `${round(most)}\u202f${unit}` }],
  );
}

export interface Verdict {
  device: Device;
  /** Null: the device has not told what it can do. */
  beyond: Limit[] | null;
}

/** Of every scanner whether it could play this. Before a scan, everything is checked once more. */
export const verdicts = (facts: SequenceFacts, devices: Device[]): Verdict[] =>
  devices.map((device) => ({
    device,
    beyond: device.system_limits ? beyond(facts, device.system_limits) : null,
  }));

/** A name for a sequence from that of its file. */
export const nameOfFile = (filename: string): string => filename.replace(/\.seq$/i, "");

export const tagsOf = (text: string): string[] =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

import type { ReadoutInfo, Samples } from "../../api/rawData";
import { t } from "../../i18n";
import { reading } from "../plot/scale";
import type { Line } from "../plot/trace";

/** What a readout of raw data is, in words and lines. */

/** Flags of ISMRMRD by their number, from 1 (ismrmrd.h, ISMRMRD_AcquisitionFlags). */
const FLAGS: [number, string][] = [
  [7, t("first of the slice")],
  [8, t("last of the slice")],
  [19, t("noise")],
  [20, t("calibration")],
  [21, t("calibration and image")],
  [22, t("played in reverse")],
  [23, t("navigator")],
  [24, t("phase correction")],
  [25, t("last of the measurement")],
  [26, t("feedback")],
  [27, t("dummy")],
  [28, t("real-time feedback")],
  [29, t("coil correction")],
];

/** JavaScript's bit operators know 32 bits; the flags have 64. */
export const flagWords = (flags: number): string[] =>
  FLAGS.filter(([number]) => Math.floor(flags / 2 ** (number - 1)) % 2 === 1).map(
    ([, word]) => word,
  );

const NARROW = "\u202f";

export function factsOfReadout(info: ReadoutInfo): [string, string][] {
  const dwell = info.dwell_time;
  const counters = Object.entries(info.idx ?? {}).filter(([, value]) => value > 0);
  return [
    [t("Samples"), String(info.num_samples)],
    [t("Centre"), t("sample {centerSample}", { centerSample: info.center_sample })],
    [t("Coils"), String(info.num_coils)],
    [t("Dwell time"), dwell > 0 ? `${reading(dwell * 1e6)}${NARROW}µs` : t("not stated")],
    [t("Bandwidth"), dwell > 0 ? `${reading(1e-3 / dwell)}${NARROW}kHz` : t("not known")],
    [
      t("Length"),
      dwell > 0 ? `${reading(dwell * info.num_samples * 1e3)}${NARROW}ms` : t("not known"),
    ],
    [t("Encoding"), String(info.encoding_space_ref)],
    [
      t("Counters"),
      counters.map(([name, value]) => `${counterWord(name)} ${value}`).join(", ") || t("all 0"),
    ],
    [t("Marked"), flagWords(info.flags).join(", ") || t("nothing")],
  ];
}

const counterWord = (name: string): string =>
  ({ kspace_encode_step_1: t("line"), kspace_encode_step_2: t("partition") })[name] ?? name;

export type Part = "magnitude" | "real" | "imaginary";
export const PARTS: { part: Part; label: string; colour: string }[] = [
  { part: "magnitude", label: t("Magnitude"), colour: "--ink" },
  { part: "real", label: t("Real"), colour: "--status-running" },
  { part: "imaginary", label: t("Imaginary"), colour: "--status-fault" },
];

/** A readout over time [s], or over the numbers of its samples where no time is stated. */
export function timeLines({ re, im }: Samples, dwell: number, parts: Part[]): Line[] {
  const x = Float64Array.from(re, (_, n) => n * (dwell > 0 ? dwell : 1));
  const values: Record<Part, () => Float64Array> = {
    magnitude: () => re.map((real, n) => Math.hypot(real, im[n]!)),
    real: () => re,
    imaginary: () => im,
  };
  return PARTS.filter(({ part }) => parts.includes(part)).map(({ part, label, colour }) => ({
    name: label,
    colour,
    x,
    y: values[part](),
  }));
}

import type { ReadoutInfo, Samples } from "../../api/rawData";
import { reading } from "../plot/scale";
import type { Line } from "../plot/trace";

/** What a readout of raw data is, in words and lines. */

/** Flags of ISMRMRD by their number, from 1 (ismrmrd.h, ISMRMRD_AcquisitionFlags). */
const FLAGS: [number, string][] = [
  [7, "first of the slice"],
  [8, "last of the slice"],
  [19, "noise"],
  [20, "calibration"],
  [21, "calibration and image"],
  [22, "played in reverse"],
  [23, "navigator"],
  [24, "phase correction"],
  [25, "last of the measurement"],
  [26, "feedback"],
  [27, "dummy"],
  [28, "real-time feedback"],
  [29, "coil correction"],
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
    ["Samples", String(info.num_samples)],
    ["Centre", `sample ${info.center_sample}`],
    ["Coils", String(info.num_coils)],
    ["Dwell time", dwell > 0 ? `${reading(dwell * 1e6)}${NARROW}µs` : "not stated"],
    ["Bandwidth", dwell > 0 ? `${reading(1e-3 / dwell)}${NARROW}kHz` : "not known"],
    ["Length", dwell > 0 ? `${reading(dwell * info.num_samples * 1e3)}${NARROW}ms` : "not known"],
    ["Encoding", String(info.encoding_space_ref)],
    [
      "Counters",
      counters.map(([name, value]) => `${counterWord(name)} ${value}`).join(", ") || "all 0",
    ],
    ["Marked", flagWords(info.flags).join(", ") || "nothing"],
  ];
}

const counterWord = (name: string): string =>
  ({ kspace_encode_step_1: "line", kspace_encode_step_2: "partition" })[name] ?? name;

export type Part = "magnitude" | "real" | "imaginary";
export const PARTS: { part: Part; label: string; colour: string }[] = [
  { part: "magnitude", label: "Magnitude", colour: "--ink" },
  { part: "real", label: "Real", colour: "--status-running" },
  { part: "imaginary", label: "Imaginary", colour: "--status-fault" },
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

import type { SequenceFacts } from "../../api/sequencePlot";
import { t } from "../../i18n";
import { duration } from "../../shared/format";
import { reading } from "../plot/scale";

/** What a sequence file says of itself, as a person reads it. */

const NARROW = "\u202f";
const ms = (seconds: number) => `${reading(seconds * 1e3)}${NARROW}ms`;
const mm = (metres: number) => reading(metres * 1e3);
const list = (values: number[], say: (value: number) => string): string => {
  const shown = values.slice(0, 4).map(say);
  return values.length > 4
    ? t("{shown} and {n} more", { shown: shown.join(", "), n: values.length - 4 })
    : shown.join(", ");
};

type Reader = (facts: SequenceFacts) => string | null;
const given =
  <Key extends keyof SequenceFacts>(
    key: Key,
    say: (value: NonNullable<SequenceFacts[Key]>) => string,
  ): Reader =>
  (facts) => {
    const value = facts[key];
    return value === null || value === undefined ? null : say(value as NonNullable<typeof value>);
  };

const SIGNATURES: Record<string, string> = {
  ok: t("as its writer left it"),
  mismatch: t("changed after it was written"),
  absent: "none",
  unknown: t("of an unknown kind"),
};

const FACTS: [string, Reader][] = [
  [t("Duration"), given("duration_s", duration)],
  ["TR", given("repetition_time_s", ms)],
  [
    "TE",
    (facts) =>
      facts.echo_times_s && facts.echo_times_s.length > 0
        ? list(facts.echo_times_s, ms)
        : given("echo_time_s", ms)(facts),
  ],
  ["TI", given("inversion_time_s", ms)],
  [
    t("Flip angle"),
    given("flip_angles_deg", (angles) => list(angles, (each) => `${reading(each)}°`)),
  ],
  [t("Matrix"), given("matrix", (matrix) => matrix.join(" × "))],
  [t("Field of view"), given("field_of_view_m", (fov) => `${fov.map(mm).join(" × ")}${NARROW}mm`)],
  [t("Slices"), given("num_slices", String)],
  [t("Trajectory"), given("trajectory", String)],
  [t("Readouts"), given("num_readouts", String)],
  [t("Samples per readout"), given("samples_per_readout", String)],
  [t("Dwell time"), given("dwell_time_s", (time) => `${reading(time * 1e6)}${NARROW}µs`)],
  [t("Bandwidth"), given("bandwidth_hz", (band) => `${reading(band / 1e3)}${NARROW}kHz`)],
  [t("Peak gradient"), given("peak_gradient_mt_per_m", (peak) => perAxis(peak, "mT/m"))],
  [t("Peak slew rate"), given("peak_slew_t_per_m_per_s", (peak) => perAxis(peak, "T/m/s"))],
  [t("Peak B1+"), given("peak_b1_ut", (b1) => `${reading(b1)}${NARROW}µT`)],
  ["B1+rms", given("b1_rms_ut", (b1) => `${reading(b1)}${NARROW}µT`)],
  [
    t("Nerve stimulation"),
    given("pns_percent", (pns) => t("{reading}\u202f% of threshold", { reading: reading(pns) })),
  ],
  [t("Blocks"), given("num_blocks", String)],
  ["Pulseq", given("pulseq_version", String)],
  [t("Signature"), given("signature", (how) => SIGNATURES[how] ?? how)],
  [
    t("Timing errors"),
    given("num_timing_errors", (errors) => (errors === 0 ? "none" : String(errors))),
  ],
];

/** Name and value of all that is known. */
export function factsOf(facts: SequenceFacts): [string, string][] {
  return FACTS.flatMap(([name, read]) => {
    const value = read(facts);
    return value === null ? [] : [[name, value]];
  });
}

type PerAxis = NonNullable<SequenceFacts["peak_gradient_mt_per_m"]>;

function perAxis(peak: PerAxis, unit: string): string {
  const axes = Object.entries(peak).filter(([, value]) => typeof value === "number");
  return (
    axes.map(([axis, value]) => `${axis} ${reading(value as number)}`).join(", ") + NARROW + unit
  );
}

/** `repetition_time_s` as words: `repetition time [s]`. */
export function fieldWords(field: string): string {
  const units: [RegExp, string][] = [
    [/_mt_per_m(?=\.|$)/, " [mT/m]"],
    [/_t_per_m_per_s(?=\.|$)/, " [T/m/s]"],
    [/_hz_per_t$/, " [Hz/T]"],
    [/_ut$/, " [µT]"],
    [/_hz$/, " [Hz]"],
    [/_deg$/, " [°]"],
    [/_percent$/, " [%]"],
    [/_s$/, " [s]"],
    [/_m$/, " [m]"],
  ];
  const found = units.find(([ending]) => ending.test(field));
  const [name, unit] = found ? [field.replace(found[0], ""), found[1]] : [field, ""];
  return name.replaceAll("_", " ").replaceAll(".", ", ") + unit;
}

export function valueWords(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return reading(value);
  if (Array.isArray(value)) return value.map(valueWords).join(", ") || "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

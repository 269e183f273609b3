import type { PlotChannel, SequenceBlock, SequencePlot } from "../../api/sequencePlot";
import { said, t } from "../../i18n";
import { reading } from "../plot/scale";
import { type Line, lowerBound, valueAt } from "../plot/trace";

/** How the channels of a sequence look. */

interface Look {
  title: string;
  colour: string;
  height: number;
}

const LOOKS: Record<string, Look> = {
  rf_magnitude: { title: t("RF"), colour: "--status-warn", height: 64 },
  rf_phase: { title: t("RF phase"), colour: "--status-stopped", height: 46 },
  gx: { title: "Gx", colour: "--status-running", height: 58 },
  gy: { title: "Gy", colour: "--status-done", height: 58 },
  gz: { title: "Gz", colour: "--status-fault", height: 58 },
  adc: { title: t("Readout"), colour: "--accent", height: 30 },
};

export const lookOf = ({ name }: PlotChannel): Look =>
  LOOKS[name] ?? { title: name, colour: "--ink-dim", height: 50 };

export const lineOf = (channel: PlotChannel): Line => ({
  name: lookOf(channel).title,
  colour: lookOf(channel).colour,
  x: channel.time,
  y: channel.value,
  strokes: channel.strokes,
});

export const isGradient = ({ name }: PlotChannel): boolean => /^g[xyz]$/.test(name);

/** The three gradients have one scale: only then can they be compared by eye. */
export function largestGradient({ channels }: SequencePlot): number {
  let most = 0;
  for (const { value } of channels.filter(isGradient)) {
    for (const each of value) most = Math.max(most, Math.abs(each));
  }
  return most;
}

export const UNIT: Record<string, string> = { "1": "" };

/** What a channel has at a time: `12.5 mT/m`; between its lines it is zero, and a readout is off. */
export function readingOf(channel: PlotChannel, time: number): string {
  const found = valueAt(lineOf(channel), time);
  if (channel.name === "adc") return found === null ? t("off") : t("on");
  if (found === null) return channel.name === "rf_phase" ? "–" : "0";
  return reading(found);
}

/** The block that is played at a time; blocks come in their order. */
export function blockAt(blocks: SequenceBlock[] | undefined, time: number): SequenceBlock | null {
  if (!blocks || blocks.length === 0) return null;
  const after = lowerBound(
    blocks.map(({ start_s }) => start_s),
    time,
  );
  const block = blocks[after]?.start_s === time ? blocks[after] : blocks[after - 1];
  return block && time <= block.start_s + block.duration_s ? block : null;
}

const USES: Record<string, string> = {
  e: t("excitation"),
  r: t("refocusing"),
  i: t("inversion"),
  s: t("saturation"),
  p: t("preparation"),
  o: said("use of a pulse", "other"),
};
const NARROW = "\u202f";

/** What is played in a block, in words. */
export function eventsOf({ rf, gx, gy, gz, adc, extensions }: SequenceBlock): string[] {
  const gradients = [
    ["Gx", gx],
    ["Gy", gy],
    ["Gz", gz],
  ] as const;
  return [
    ...(rf
      ? [
          `${t("RF")}${NARROW}${rf.number} ${USES[rf.use] ?? t("pulse")}, ${reading(rf.amplitude_hz)}${NARROW}Hz, ${reading(rf.duration_s * 1e3)}${NARROW}ms`,
        ]
      : []),
    ...gradients.flatMap(([name, pulse]) =>
      pulse
        ? [
            `${name} ${pulse.kind}, ${reading(pulse.amplitude)}${NARROW}mT/m, ${reading(pulse.duration_s * 1e3)}${NARROW}ms`,
          ]
        : [],
    ),
    ...(adc
      ? [
          t("readout of {numSamples} samples, {dwell}\u202fµs apart", {
            numSamples: adc.num_samples,
            dwell: reading(adc.dwell_s * 1e6),
          }),
        ]
      : []),
    ...(extensions ?? []).map((extension) => String(extension.kind ?? t("extension"))),
  ];
}

/** Window presets. MR signal has no absolute unit, so they follow the image's own values. */

import { t } from "../../i18n";

export interface Window {
  lower: number;
  upper: number;
}
export interface Preset {
  key: string;
  name: string;
  window: Window;
}

export function presetsOf(pixels: ArrayLike<number>, asStored: Window): Preset[] {
  const sorted = sample(pixels);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const usual = span(at(0.01), at(0.995));
  const width = usual.upper - usual.lower;
  const entries: [string, Window][] = [
    [t("As stored"), asStored],
    [t("Full range"), span(at(0), at(1))],
    [t("Usual"), usual],
    [t("Soft"), { lower: usual.lower - width * 0.25, upper: usual.upper + width * 0.25 }],
    [t("Hard"), { lower: usual.lower + width * 0.25, upper: usual.upper - width * 0.25 }],
    [t("Bright"), { lower: usual.lower, upper: usual.lower + width * 0.6 }],
    [t("Dark"), { lower: usual.lower, upper: usual.upper + width * 0.6 }],
    [t("Low signal"), { lower: usual.lower, upper: usual.lower + width * 0.25 }],
    [t("High signal"), { lower: usual.upper - width * 0.4, upper: usual.upper }],
  ];
  return entries.map(([name, window], index) => ({ key: String(index + 1), name, window }));
}

const SAMPLES = 4096;

function sample(pixels: ArrayLike<number>): number[] {
  const step = Math.max(1, Math.floor(pixels.length / SAMPLES));
  const picked: number[] = [];
  for (let at = 0; at < pixels.length; at += step) picked.push(pixels[at] ?? 0);
  return picked.toSorted((a, b) => a - b);
}

function span(lower: number, upper: number): Window {
  return upper > lower ? { lower, upper } : { lower, upper: lower + 1 };
}

interface Windowed {
  windowCenter?: number | number[];
  windowWidth?: number | number[];
  minPixelValue: number;
  maxPixelValue: number;
}

/** The window that an image names, or else all its values. */
export function storedWindow(image: Windowed): Window {
  const [centre, width] = [first(image.windowCenter), first(image.windowWidth)];
  return width > 0
    ? { lower: centre - width / 2, upper: centre + width / 2 }
    : span(image.minPixelValue, image.maxPixelValue);
}

const first = (value: number | number[] | undefined): number =>
  Number((Array.isArray(value) ? value[0] : value) ?? 0);

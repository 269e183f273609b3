import type { Window } from "../dicom/presets";
import type { NiftiSlice } from "./niftiPlanes";

/** Grey levels of a slice with a window, or its colours; what is no number is black. */
export function pixelsOf(
  { values, width, height }: NiftiSlice,
  { lower, upper }: Window,
  samples: number,
): Uint8ClampedArray<ArrayBuffer> {
  const count = width * height;
  const pixels = new Uint8ClampedArray(count * 4).fill(255);
  const scale = 255 / Math.max(1e-12, upper - lower);
  for (let at = 0; at < count; at += 1) {
    for (let part = 0; part < 3; part += 1) {
      const value = values[at * samples + Math.min(part, samples - 1)]!;
      pixels[at * 4 + part] = samples > 1 ? value : (value - lower) * scale;
    }
  }
  return pixels;
}

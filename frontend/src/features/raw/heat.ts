/** Grey levels of k-space. */

export interface Heat {
  /** Black is so far below the highest value [dB], white so far. */
  black: number;
  white: number;
}

export const WHOLE: Heat = { black: -80, white: 0 };

/** RGBA of magnitudes on a logarithmic scale; what was not measured is dark blue, not black. */
export function greyLevels(
  magnitude: Float32Array,
  { black, white }: Heat,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(magnitude.length * 4);
  const peak = largest(magnitude);
  for (let at = 0; at < magnitude.length; at += 1) {
    const value = magnitude[at]!;
    const level = value > 0 ? ((decibels(value, peak) - black) / (white - black)) * 255 : 0;
    pixels.fill(level, at * 4, at * 4 + 3);
    if (!(value > 0)) pixels[at * 4 + 2] = 70;
    pixels[at * 4 + 3] = 255;
  }
  return pixels;
}

export const decibels = (value: number, peak: number): number => 20 * Math.log10(value / peak);

export function largest(values: Float32Array): number {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most || 1;
}

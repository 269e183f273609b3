import { expect, test } from "vitest";

import { spectrumOf, transform } from "./fourier";

/** A signal of size `height` that turns `hertz` times a second, sampled every `dwell` seconds. */
function turning(hertz: number, dwell: number, size: number, height = 1) {
  const phase = (n: number) => 2 * Math.PI * hertz * n * dwell;
  return {
    re: Float64Array.from({ length: size }, (_, n) => height * Math.cos(phase(n))),
    im: Float64Array.from({ length: size }, (_, n) => height * Math.sin(phase(n))),
  };
}

test.each([
  [128, 20e-6, 10],
  [128, 20e-6, -17],
  [100, 3.7e-6, 31],
  [97, 1e-3, -48],
  [4095, 12.5e-6, 1000],
])("of %s samples each %s s, a signal peaks at its own frequency (period %s)", (size, dwell, k) => {
  const hertz = k / (size * dwell);
  const { frequency, magnitude } = spectrumOf(turning(hertz, dwell, size, 3), dwell);
  const peak = magnitude.indexOf(Math.max(...magnitude));
  expect(frequency[peak]).toBeCloseTo(hertz, 6);
  expect(magnitude[peak]).toBeCloseTo(3, 9);
  expect(magnitude.filter((each) => each > 1e-6)).toHaveLength(1);
  expect(frequency.every((each, at) => at === 0 || each > frequency[at - 1]!)).toBe(true);
  expect(frequency[Math.floor(size / 2)]).toBe(0);
  expect(frequency[1]! - frequency[0]!).toBeCloseTo(1 / (size * dwell), 6);
});

test("without a dwell time the axis counts periods, and invents no hertz", () => {
  const { frequency } = spectrumOf(turning(0, 1, 5), 0);
  expect([...frequency]).toEqual([-2, -1, 0, 1, 2]);
});

test.each([1, 2, 3, 12, 16])("%s samples transform as the sum says", (size) => {
  const samples = {
    re: Float64Array.from({ length: size }, (_, n) => Math.sin(n * n) + 0.3),
    im: Float64Array.from({ length: size }, (_, n) => Math.cos(3 * n)),
  };
  const found = transform(samples);
  for (let k = 0; k < size; k += 1) {
    let [re, im] = [0, 0];
    for (let n = 0; n < size; n += 1) {
      const angle = (-2 * Math.PI * k * n) / size;
      re += samples.re[n]! * Math.cos(angle) - samples.im[n]! * Math.sin(angle);
      im += samples.re[n]! * Math.sin(angle) + samples.im[n]! * Math.cos(angle);
    }
    expect(found.re[k]).toBeCloseTo(re, 9);
    expect(found.im[k]).toBeCloseTo(im, 9);
  }
});

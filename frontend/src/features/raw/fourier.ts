/** Discrete Fourier transforms of any length, for readouts. */

export interface Complex {
  re: Float64Array;
  im: Float64Array;
}

/** Sum over n of s[n] exp(-2 pi i k n / N), for k from 0. */
export function transform({ re, im }: Complex): Complex {
  const size = re.length;
  const out = { re: Float64Array.from(re), im: Float64Array.from(im) };
  if (size <= 1) return out;
  if ((size & (size - 1)) === 0) powerOfTwo(out);
  else return anyLength(out);
  return out;
}

/** Radix 2, in place. */
function powerOfTwo({ re, im }: Complex): void {
  const size = re.length;
  for (let at = 1, mirror = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; mirror & bit; bit >>= 1) mirror ^= bit;
    mirror ^= bit;
    if (at < mirror) {
      [re[at], re[mirror]] = [re[mirror]!, re[at]!];
      [im[at], im[mirror]] = [im[mirror]!, im[at]!];
    }
  }
  const cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sin = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  for (let span = 2; span <= size; span <<= 1) {
    const half = span >> 1;
    const step = size / span;
    for (let start = 0; start < size; start += span) {
      for (let k = 0; k < half; k += 1) {
        const [a, b] = [start + k, start + k + half];
        const [wr, wi] = [cos[k * step]!, -sin[k * step]!];
        const [tr, ti] = [re[b]! * wr - im[b]! * wi, re[b]! * wi + im[b]! * wr];
        re[b] = re[a]! - tr;
        im[b] = im[a]! - ti;
        re[a] = re[a]! + tr;
        im[a] = im[a]! + ti;
      }
    }
  }
}

/** Bluestein: a convolution with a chirp, of a length that is a power of two. */
function anyLength({ re, im }: Complex): Complex {
  const size = re.length;
  let long = 1;
  while (long < 2 * size - 1) long *= 2;
  const chirp = (n: number) => (Math.PI * ((n * n) % (2 * size))) / size;
  const a = zeros(long);
  const b = zeros(long);
  for (let n = 0; n < size; n += 1) {
    const [cos, sin] = [Math.cos(chirp(n)), Math.sin(chirp(n))];
    a.re[n] = re[n]! * cos + im[n]! * sin;
    a.im[n] = im[n]! * cos - re[n]! * sin;
    for (const place of n === 0 ? [0] : [n, long - n]) {
      b.re[place] = cos;
      b.im[place] = sin;
    }
  }
  powerOfTwo(a);
  powerOfTwo(b);
  // The inverse transform is the transform with real and imaginary part exchanged.
  const product = { re: new Float64Array(long), im: new Float64Array(long) };
  for (let k = 0; k < long; k += 1) {
    product.im[k] = a.re[k]! * b.re[k]! - a.im[k]! * b.im[k]!;
    product.re[k] = a.re[k]! * b.im[k]! + a.im[k]! * b.re[k]!;
  }
  powerOfTwo(product);
  const out = zeros(size);
  for (let k = 0; k < size; k += 1) {
    const [cos, sin] = [Math.cos(chirp(k)), Math.sin(chirp(k))];
    const [real, imaginary] = [product.im[k]! / long, product.re[k]! / long];
    out.re[k] = real * cos + imaginary * sin;
    out.im[k] = imaginary * cos - real * sin;
  }
  return out;
}

const zeros = (size: number): Complex => ({
  re: new Float64Array(size),
  im: new Float64Array(size),
});

export interface Spectrum {
  /** Rises, with 0 in the middle [Hz]; without a dwell time the number of periods a readout. */
  frequency: Float64Array;
  magnitude: Float64Array;
}

/**
 * The spectrum of samples that are `dwell` seconds apart: a signal exp(+2 pi i f t) of size 1 has
 * its peak, of height 1, at +f.
 */
export function spectrumOf(samples: Complex, dwell: number): Spectrum {
  const size = samples.re.length;
  const { re, im } = transform(samples);
  const middle = Math.floor(size / 2);
  const frequency = new Float64Array(size);
  const magnitude = new Float64Array(size);
  for (let at = 0; at < size; at += 1) {
    const k = (at - middle + size) % size;
    frequency[at] = (at - middle) / (dwell > 0 ? size * dwell : 1);
    magnitude[at] = Math.hypot(re[k]!, im[k]!) / size;
  }
  return { frequency, magnitude };
}

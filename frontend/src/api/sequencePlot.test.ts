import { expect, test } from "vitest";

import { decodePlot, PlotFormatError } from "./sequencePlot";

/** A plot of one channel with three points and two strokes, as docs/sequence-plot.md has it. */
function aPlot(): ArrayBuffer {
  const bytes = new ArrayBuffer(48 + 48 + 2 * 8 + 3 * 8 + 16 + 8);
  const view = new DataView(bytes);
  const ascii = (at: number, text: string) =>
    [...text].forEach((letter, by) => view.setUint8(at + by, letter.charCodeAt(0)));
  ascii(0, "SHSP");
  view.setUint16(4, 1, true);
  view.setUint16(6, 1, true);
  view.setFloat64(8, 0.5, true);
  view.setFloat64(16, 1.5, true);
  view.setFloat64(24, 3, true);
  view.setBigUint64(32, 7n, true);
  view.setUint32(40, 2, true);
  ascii(48, "gx");
  ascii(64, "mT/m");
  view.setUint32(72, 1, true);
  view.setUint32(76, 3, true);
  view.setUint32(80, 2, true);
  view.setBigUint64(88, 3n, true);
  [0.5, 1].forEach((start, at) => view.setFloat64(96 + 8 * at, start, true));
  [0.5, 0.75, 1.25].forEach((time, at) => view.setFloat64(112 + 8 * at, time, true));
  [0, 12.5, -3].forEach((value, at) => view.setFloat32(136 + 4 * at, value, true));
  [0, 2].forEach((first, at) => view.setUint32(152 + 4 * at, first, true));
  return bytes;
}

test("a plot is laid over its bytes", () => {
  const plot = decodePlot(aPlot());
  expect(plot).toMatchObject({ from: 0.5, to: 1.5, duration: 3, blocks: 7 });
  expect([...plot.blockStarts]).toEqual([0.5, 1]);
  const [channel] = plot.channels;
  expect(channel).toMatchObject({ name: "gx", unit: "mT/m", exact: true, vertices: 3 });
  expect([...channel!.time]).toEqual([0.5, 0.75, 1.25]);
  expect([...channel!.value]).toEqual([0, 12.5, -3]);
  expect([...channel!.strokes]).toEqual([0, 2]);
});

test("an answer in another form is told, not drawn", () => {
  expect(() => decodePlot(new TextEncoder().encode("{}").buffer)).toThrow(PlotFormatError);
});

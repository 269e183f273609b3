import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { t } from "../i18n";
import { answer, client } from "./client";
import type { components } from "./exam-manager";
import { ApiError } from "./problem";

/** What is drawn of a sequence in a window of time, in the binary form of docs/sequence-plot.md. */

export type SequenceBlock = components["schemas"]["SequenceBlock"];
export type SequenceDiff = components["schemas"]["SequenceDiff"];
export type SequenceFacts = components["schemas"]["SequenceFacts"];

export interface PlotChannel {
  name: string;
  unit: string;
  /** Every vertex is here; else each bin of time has its first, lowest, highest and last one. */
  exact: boolean;
  vertices: number;
  /** [s] */
  time: Float64Array;
  value: Float32Array;
  strokes: Uint32Array;
}

export interface SequencePlot {
  /** [s] */
  from: number;
  to: number;
  duration: number;
  /** How many blocks begin in the window; `blockStarts` is empty if they are too many. */
  blocks: number;
  blockStarts: Float64Array;
  channels: PlotChannel[];
}

export class PlotFormatError extends Error {
  override readonly name = "PlotFormatError";
}

const HEADER_BYTES = 48;
const ENTRY_BYTES = 48;
const MAGIC = "SHSP";

/** Lays arrays over an answer; nothing is copied. */
export function decodePlot(answered: ArrayBuffer): SequencePlot {
  const view = new DataView(answered);
  const text = (at: number, length: number) =>
    String.fromCharCode(...new Uint8Array(answered, at, length)).replaceAll("\0", "");
  if (answered.byteLength < HEADER_BYTES || text(0, 4) !== MAGIC || view.getUint16(4, true) !== 1) {
    throw new PlotFormatError(
      t("The plot came in a form that this page does not know. Reload it."),
    );
  }
  const count = view.getUint16(6, true);
  const starts = view.getUint32(40, true);
  let at = HEADER_BYTES + count * ENTRY_BYTES;
  const padded = (bytes: number) => Math.ceil(bytes / 8) * 8;
  const blockStarts = new Float64Array(answered, at, starts);
  at += starts * 8;
  const channels = Array.from({ length: count }, (_, number): PlotChannel => {
    const entry = HEADER_BYTES + number * ENTRY_BYTES;
    const [points, strokes] = [view.getUint32(entry + 28, true), view.getUint32(entry + 32, true)];
    const time = new Float64Array(answered, at, points);
    at += points * 8;
    const value = new Float32Array(answered, at, points);
    at += padded(points * 4);
    const first = new Uint32Array(answered, at, strokes);
    at += padded(strokes * 4);
    return {
      name: text(entry, 16),
      unit: text(entry + 16, 8),
      exact: view.getUint32(entry + 24, true) === 1,
      vertices: Number(view.getBigUint64(entry + 40, true)),
      time,
      value,
      strokes: first,
    };
  });
  return {
    from: view.getFloat64(8, true),
    to: view.getFloat64(16, true),
    duration: view.getFloat64(24, true),
    blocks: Number(view.getBigUint64(32, true)),
    blockStarts,
    channels,
  };
}

interface Window {
  from: number;
  to: number;
}
const MOST_POINTS = 8000;
const PLOT_IS_MADE = 503;

async function fetchPlot(sequence_id: string, window: Window | null): Promise<SequencePlot> {
  const found: unknown = await answer(
    client.GET("/api/v1/exam/sequence/{sequence_id}/plot", {
      params: {
        path: { sequence_id },
        query: {
          max_points: MOST_POINTS,
          format: "binary",
          ...(window && { begin_s: window.from, end_s: window.to }),
        },
      },
      parseAs: "arrayBuffer",
    }),
  );
  return decodePlot(found as ArrayBuffer);
}

/** A plot that is not made yet is asked for again; the server works on it meanwhile. */
const again = {
  retry: (failures: number, error: Error) =>
    error instanceof ApiError &&
    (error.status === PLOT_IS_MADE ? failures < 30 : error.status === 0 && failures < 2),
  retryDelay: 2000,
};

export const plotQueries = {
  plot: (sequenceId: string, window: Window | null) =>
    queryOptions({
      queryKey: ["sequence plot", sequenceId, window?.from, window?.to] as const,
      queryFn: () => fetchPlot(sequenceId, window),
      // Until the window is here, what is known of it is drawn.
      placeholderData: keepPreviousData,
      gcTime: 60_000,
      ...again,
    }),
  blocks: (sequenceId: string, window: Window) =>
    queryOptions({
      queryKey: ["sequence blocks", sequenceId, window.from, window.to] as const,
      queryFn: () =>
        answer(
          client.GET("/api/v1/exam/sequence/{sequence_id}/blocks", {
            params: {
              path: { sequence_id: sequenceId },
              query: { begin_s: window.from, end_s: window.to, limit: 1000 },
            },
          }),
        ),
      gcTime: 60_000,
      ...again,
    }),
  diff: (left: string, right: string) =>
    queryOptions({
      queryKey: ["sequences", "diff", left, right] as const,
      queryFn: () =>
        answer(client.GET("/api/v1/exam/sequences/diff", { params: { query: { left, right } } })),
    }),
};

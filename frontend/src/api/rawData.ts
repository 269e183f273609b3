import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { t } from "../i18n";
import { answer, client } from "./client";
import type { components } from "./exam-manager";

/** Raw data of a result, never more than what is looked at. */

export type ReadoutInfo = components["schemas"]["MRDAcquisitionInfo"];
export type RawDataMeta = components["schemas"]["MRDMetaResponse"];

export interface RawFile {
  workflow_id: string;
  task_id: string;
  result_id: string;
  file: string;
}

export const READOUTS_PER_PAGE = 100;

/** The samples of a coil of one readout. */
export interface Samples {
  re: Float64Array;
  im: Float64Array;
}

export class PacketError extends Error {
  override readonly name = "PacketError";
}

const MAGIC = 0x49534d52;
const HEADER = 8;
const READOUT = 16;

/** The first readout of a packet; its layout is that of GET .../data, little endian. */
export function decodePacket(packet: ArrayBuffer): Samples {
  const view = new DataView(packet);
  if (packet.byteLength < HEADER + READOUT || view.getUint32(0, true) !== MAGIC) {
    throw new PacketError(t("The samples came in a form that this page does not know. Reload it."));
  }
  const count = view.getUint32(HEADER + 8, true);
  const values = new Float32Array(packet, HEADER + READOUT, 2 * count);
  const part = (by: number) => Float64Array.from({ length: count }, (_, n) => values[2 * n + by]!);
  return { re: part(0), im: part(1) };
}

/** The magnitude of a slice of k-space. */
export interface KSpace {
  rows: number;
  columns: number;
  magnitude: Float32Array;
  /** Which of each counter it is, as the server says it: `slice=0, contrast=0`. */
  choice: string;
  readouts: number;
}

const KSPC = 0x4350534b;

export function decodeKSpace(raw: ArrayBuffer, headers: Headers): KSpace {
  const view = new DataView(raw);
  if (raw.byteLength < 16 || view.getUint32(0, true) !== KSPC) {
    throw new PacketError(t("K-space came in a form that this page does not know. Reload it."));
  }
  const [rows, columns] = [view.getUint32(8, true), view.getUint32(12, true)];
  return {
    rows,
    columns,
    magnitude: new Float32Array(raw, 16, rows * columns),
    choice: headers.get("X-KSpace-Choice") ?? "",
    readouts: Number(headers.get("X-KSpace-Readouts") ?? 0),
  };
}

/** What is chosen of k-space; what is not named the server chooses. */
export interface KSpaceChoice {
  coil: number | "rss";
  slice?: number;
  partition?: number;
  contrast?: number;
  repetition?: number;
}

const placeOf = ({ workflow_id, task_id, result_id }: RawFile) => ({
  workflow_id,
  task_id,
  result_id,
});

export const rawQueries = {
  /** The page of readouts that has the one with this number. */
  page: (of: RawFile, readout: number) => {
    const first = Math.floor(readout / READOUTS_PER_PAGE) * READOUTS_PER_PAGE;
    return queryOptions({
      queryKey: ["raw data", of, "readouts", first] as const,
      queryFn: () =>
        answer(
          client.GET("/api/v1/exam/mrd/{workflow_id}/{task_id}/{result_id}/meta", {
            params: {
              path: placeOf(of),
              query: { first, count: READOUTS_PER_PAGE, file: of.file },
            },
          }),
        ),
      placeholderData: keepPreviousData,
    });
  },
  samples: (of: RawFile, readout: number, coil: number) =>
    queryOptions({
      queryKey: ["raw data", of, "samples", readout, coil] as const,
      queryFn: async () => {
        const packet: unknown = await answer(
          client.GET("/api/v1/exam/mrd/{workflow_id}/{task_id}/{result_id}/data", {
            params: {
              path: placeOf(of),
              query: { ids: String(readout), coil_idx: coil, file: of.file },
            },
            parseAs: "arrayBuffer",
          }),
        );
        return decodePacket(packet as ArrayBuffer);
      },
      placeholderData: keepPreviousData,
      gcTime: 30_000,
    }),
  kspace: (of: RawFile, choice: KSpaceChoice) =>
    queryOptions({
      queryKey: ["raw data", of, "k-space", choice] as const,
      queryFn: async () => {
        const { data, response } = await client.GET(
          "/api/v1/exam/mrd/{workflow_id}/{task_id}/{result_id}/kspace",
          {
            params: {
              path: placeOf(of),
              query: { ...choice, format: "raw", file: of.file },
            },
            parseAs: "arrayBuffer",
          },
        );
        return decodeKSpace(data as unknown as ArrayBuffer, response.headers);
      },
      gcTime: 30_000,
    }),
};

export function rawFileUrl({ workflow_id, task_id, result_id, file }: RawFile): string {
  const place = [workflow_id, task_id, result_id].map(encodeURIComponent).join("/");
  return `/api/v1/exam/mrd/${place}/download?file=${encodeURIComponent(file)}`;
}

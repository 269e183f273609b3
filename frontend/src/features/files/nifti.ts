/**
 * A NIfTI file (NIfTI-1, https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h, and NIfTI-2) in
 * the browser: its header, where its voxels lie in the patient, and its values.
 */

import { t } from "../../i18n";

export type Vector3 = [number, number, number];

export interface NiftiHeader {
  version: 1 | 2;
  /** Voxels along the three axes of the file, and volumes. */
  size: [number, number, number, number];
  /** Between two voxels along each axis [mm], and between two volumes [s]. */
  spacing: [number, number, number, number];
  datatype: number;
  /** Values are `slope * stored + intercept`. */
  slope: number;
  intercept: number;
  /** The columns say where each axis of the file runs to [mm per voxel], in RAS; null: unknown. */
  axes: [Vector3, Vector3, Vector3] | null;
  /** What says so. */
  from: "sform" | "qform" | null;
  description: string;
  littleEndian: boolean;
  offset: number;
}

export interface Nifti {
  header: NiftiHeader;
  /** As they are stored; three in a row for a colour. */
  stored: ArrayLike<number>;
}

/** What is wrong with a file, in words. */
export class NiftiError extends Error {
  override readonly name = "NiftiError";
}

interface Datatype {
  name: string;
  bytes: number;
  make: (buffer: ArrayBuffer) => ArrayLike<number>;
  read: (view: DataView, at: number, little: boolean) => number;
  samples?: number;
}

const DATATYPES: Record<number, Datatype> = {
  2: {
    name: "uint8",
    bytes: 1,
    make: (of) => new Uint8Array(of),
    read: (view, at) => view.getUint8(at),
  },
  4: {
    name: "int16",
    bytes: 2,
    make: (of) => new Int16Array(of),
    read: (view, at, little) => view.getInt16(at, little),
  },
  8: {
    name: "int32",
    bytes: 4,
    make: (of) => new Int32Array(of),
    read: (view, at, little) => view.getInt32(at, little),
  },
  16: {
    name: "float32",
    bytes: 4,
    make: (of) => new Float32Array(of),
    read: (view, at, little) => view.getFloat32(at, little),
  },
  64: {
    name: "float64",
    bytes: 8,
    make: (of) => new Float64Array(of),
    read: (view, at, little) => view.getFloat64(at, little),
  },
  128: {
    name: t("RGB, 8 bits each"),
    bytes: 1,
    samples: 3,
    make: (of) => new Uint8Array(of),
    read: (view, at) => view.getUint8(at),
  },
  256: {
    name: "int8",
    bytes: 1,
    make: (of) => new Int8Array(of),
    read: (view, at) => view.getInt8(at),
  },
  512: {
    name: "uint16",
    bytes: 2,
    make: (of) => new Uint16Array(of),
    read: (view, at, little) => view.getUint16(at, little),
  },
  768: {
    name: "uint32",
    bytes: 4,
    make: (of) => new Uint32Array(of),
    read: (view, at, little) => view.getUint32(at, little),
  },
};

export const datatypeName = (code: number): string =>
  DATATYPES[code]?.name ?? t("type {code}", { code });
export const samplesOf = ({ datatype }: NiftiHeader): number => DATATYPES[datatype]?.samples ?? 1;

const [HEADER_1, HEADER_2] = [348, 540];
const MAGIC_1 = 344;
const MAGIC_2 = 4;

export function readNifti(file: ArrayBuffer): Nifti {
  const header = readHeader(file);
  const type = DATATYPES[header.datatype];
  if (!type) {
    throw new NiftiError(
      t("Its values are of a kind that is not shown here (NIfTI datatype {datatype}).", {
        datatype: header.datatype,
      }),
    );
  }
  const [nx, ny, nz, nt] = header.size;
  const count = nx * ny * nz * nt * (type.samples ?? 1);
  const bytes = count * type.bytes;
  if (header.offset + bytes > file.byteLength) {
    throw new NiftiError(
      t(
        "The file ends too early: its header announces {bytes} bytes of voxels, and it has {found}.",
        {
          bytes,
          found: Math.max(0, file.byteLength - header.offset),
        },
      ),
    );
  }
  return { header, stored: valuesOf(file, header, type, count) };
}

function valuesOf(
  file: ArrayBuffer,
  { offset, littleEndian }: NiftiHeader,
  type: Datatype,
  count: number,
): ArrayLike<number> {
  // Typed arrays are little endian on every machine that a browser runs on.
  if (littleEndian || type.bytes === 1) {
    return type.make(file.slice(offset, offset + count * type.bytes));
  }
  const view = new DataView(file);
  return Float64Array.from({ length: count }, (_, at) =>
    type.read(view, offset + at * type.bytes, false),
  );
}

export function readHeader(file: ArrayBuffer): NiftiHeader {
  const view = new DataView(file);
  const size = file.byteLength < HEADER_1 ? 0 : view.getInt32(0, true);
  const swapped = file.byteLength < HEADER_1 ? 0 : view.getInt32(0, false);
  const little = size === HEADER_1 || size === HEADER_2;
  const length = little ? size : swapped;
  if (length === HEADER_1) return header1(view, little);
  if (length === HEADER_2 && file.byteLength >= HEADER_2) return header2(view, little);
  throw new NiftiError(t("This is no NIfTI file: it does not begin with the header of one."));
}

function header1(view: DataView, little: boolean): NiftiHeader {
  const magic = text(view, MAGIC_1, 3);
  if (magic !== "n+1") {
    throw new NiftiError(
      magic === "ni1"
        ? t("This is the header alone: its voxels are in another file (.img).")
        : t("The file is of the older Analyze format, which does not say what is left and right."),
    );
  }
  const int16 = (at: number) => view.getInt16(at, little);
  const float = (at: number) => view.getFloat32(at, little);
  return headerOf(little, 1, {
    dim: (n) => int16(40 + 2 * n),
    pixdim: (n) => float(76 + 4 * n),
    datatype: int16(70),
    offset: float(108),
    slope: float(112),
    intercept: float(116),
    units: view.getUint8(123),
    description: text(view, 148, 80),
    qformCode: int16(252),
    sformCode: int16(254),
    quaternion: [float(256), float(260), float(264)],
    srow: (row, column) => float(280 + 16 * row + 4 * column),
  });
}

function header2(view: DataView, little: boolean): NiftiHeader {
  if (text(view, MAGIC_2, 3) !== "n+2") {
    throw new NiftiError(t("This is the header alone: its voxels are in another file (.img)."));
  }
  const long = (at: number) => Number(view.getBigInt64(at, little));
  const double = (at: number) => view.getFloat64(at, little);
  const int32 = (at: number) => view.getInt32(at, little);
  return headerOf(little, 2, {
    dim: (n) => long(16 + 8 * n),
    pixdim: (n) => double(104 + 8 * n),
    datatype: view.getInt16(12, little),
    offset: long(168),
    slope: double(176),
    intercept: double(184),
    units: int32(500),
    description: text(view, 240, 80),
    qformCode: int32(344),
    sformCode: int32(348),
    quaternion: [double(352), double(360), double(368)],
    srow: (row, column) => double(400 + 32 * row + 8 * column),
  });
}

interface Fields {
  dim: (n: number) => number;
  pixdim: (n: number) => number;
  datatype: number;
  offset: number;
  slope: number;
  intercept: number;
  units: number;
  description: string;
  qformCode: number;
  sformCode: number;
  quaternion: Vector3;
  srow: (row: number, column: number) => number;
}

/** To millimetres: metre, millimetre, micrometre; not said: millimetre. */
const MM_OF_UNIT: Record<number, number> = { 1: 1000, 2: 1, 3: 1e-3 };
const S_OF_UNIT: Record<number, number> = { 8: 1, 16: 1e-3, 24: 1e-6 };

function headerOf(littleEndian: boolean, version: 1 | 2, fields: Fields): NiftiHeader {
  const along = Array.from({ length: 7 }, (_, n) =>
    n < fields.dim(0) ? Math.max(1, fields.dim(n + 1)) : 1,
  );
  const [nx, ny, nz] = along as Vector3;
  const volumes = along.slice(3).reduce((all, one) => all * one, 1);
  const mm = MM_OF_UNIT[fields.units & 7] ?? 1;
  const spacing = [1, 2, 3].map((n) => Math.abs(fields.pixdim(n)) * mm || 1) as Vector3;
  const seconds = S_OF_UNIT[fields.units & 56] ?? 0;
  const [axes, from] = axesOf(fields, spacing, mm);
  return {
    version,
    size: [nx, ny, nz, volumes],
    spacing: [...spacing, fields.pixdim(4) * seconds || 0],
    datatype: fields.datatype,
    // A slope of 0 says that values are as they are stored.
    slope: fields.slope || 1,
    intercept: fields.slope ? fields.intercept : 0,
    axes,
    from,
    description: fields.description,
    littleEndian,
    offset: Math.round(fields.offset),
  };
}

/** The standard's order of trust: sform, then qform; else nobody knows. */
function axesOf(
  fields: Fields,
  spacing: Vector3,
  mm: number,
): [NiftiHeader["axes"], NiftiHeader["from"]] {
  if (fields.sformCode > 0) {
    const axes = [0, 1, 2].map((column) =>
      [0, 1, 2].map((row) => fields.srow(row, column) * mm),
    ) as [Vector3, Vector3, Vector3];
    if (axes.every((axis) => Math.hypot(...axis) > 0)) return [axes, "sform"];
  }
  if (fields.qformCode <= 0) return [null, null];
  const [b, c, d] = fields.quaternion;
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const turn: Vector3[] = [
    [a * a + b * b - c * c - d * d, 2 * b * c + 2 * a * d, 2 * b * d - 2 * a * c],
    [2 * b * c - 2 * a * d, a * a + c * c - b * b - d * d, 2 * c * d + 2 * a * b],
    [2 * b * d + 2 * a * c, 2 * c * d - 2 * a * b, a * a + d * d - c * c - b * b],
  ];
  const hand = fields.pixdim(0) < 0 ? -1 : 1;
  const axes = turn.map((axis, at) =>
    axis.map((part) => part * spacing[at]! * (at === 2 ? hand : 1)),
  ) as [Vector3, Vector3, Vector3];
  return [axes, "qform"];
}

function text(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end)).trim();
}

// --- packed files --------------------------------------------------------------------------------

/** More than this does not fit beside the rest of a page. */
export const LARGEST_BYTES = 1024 * 1024 * 1024;

/** The bytes of a file, unpacked if it is packed; refuses what would not fit in memory. */
export async function unpacked(file: Blob, largest = LARGEST_BYTES): Promise<ArrayBuffer> {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (first !== 0x1f || second !== 0x8b) {
    if (file.size > largest) throw tooLarge(largest);
    return file.arrayBuffer();
  }
  const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new NiftiError(t("The file is damaged: it cannot be unpacked."));
    });
    if (done) break;
    total += value.byteLength;
    if (total > largest) {
      await reader.cancel();
      throw tooLarge(largest);
    }
    pieces.push(value as Uint8Array<ArrayBuffer>);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole.buffer;
}

const tooLarge = (largest: number) =>
  new NiftiError(
    t("The file has more than {round} MiB: download it and look at it there.", {
      round: Math.round(largest / 2 ** 20),
    }),
  );

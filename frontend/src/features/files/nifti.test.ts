import { Blob as NodeBlob } from "node:buffer";

import { expect, test } from "vitest";

import { NiftiError, readNifti, unpacked } from "./nifti";
import {
  directionsOf,
  layoutOf,
  NIFTI_PLANES,
  obliqueBy,
  orientationCode,
  sliceAt,
  voxelAt,
} from "./niftiPlanes";

interface Made {
  size?: number[];
  datatype?: number;
  bytes?: Uint8Array;
  sform?: number[][];
  quaternion?: number[];
  hand?: number;
  pixdim?: number[];
  slope?: number;
  intercept?: number;
  little?: boolean;
  magic?: string;
}

/** A NIfTI-1 file of uint8 whose voxels count up, unless said otherwise. */
function aFile(made: Made): ArrayBuffer {
  const { size = [2, 3, 4], little = true, pixdim = [2, 3, 4] } = made;
  const count = size.reduce((all, one) => all * one, 1);
  const voxels = made.bytes ?? Uint8Array.from({ length: count }, (_, at) => at);
  const file = new ArrayBuffer(352 + voxels.byteLength);
  const view = new DataView(file);
  view.setInt32(0, 348, little);
  view.setInt16(40, size.length, little);
  for (const [n, along] of size.entries()) view.setInt16(42 + 2 * n, along, little);
  view.setInt16(70, made.datatype ?? 2, little);
  view.setFloat32(76, made.hand ?? 1, little);
  for (const [n, step] of pixdim.entries()) view.setFloat32(80 + 4 * n, step, little);
  view.setFloat32(108, 352, little);
  view.setFloat32(112, made.slope ?? 0, little);
  view.setFloat32(116, made.intercept ?? 0, little);
  view.setUint8(123, 2 + 8);
  if (made.quaternion) {
    view.setInt16(252, 1, little);
    for (const [n, part] of made.quaternion.entries()) view.setFloat32(256 + 4 * n, part, little);
  }
  if (made.sform) {
    view.setInt16(254, 1, little);
    for (const [n, part] of made.sform.flat().entries()) view.setFloat32(280 + 4 * n, part, little);
  }
  new Uint8Array(file).set(new TextEncoder().encode(made.magic ?? "n+1"), 344);
  new Uint8Array(file).set(voxels, 352);
  return file;
}

const RAS = [
  [2, 0, 0, 0],
  [0, 3, 0, 0],
  [0, 0, 4, 0],
];
const LAS = [[-2, 0, 0, 0], RAS[1]!, RAS[2]!];

test("header facts are read in the units of the patient", () => {
  const { header, stored } = readNifti(aFile({ sform: RAS, size: [2, 3, 2, 2] }));
  expect(header.size).toEqual([2, 3, 2, 2]);
  expect(header.spacing.slice(0, 3)).toEqual([2, 3, 4]);
  expect(header.from).toBe("sform");
  expect(orientationCode(header)).toBe("RAS");
  expect(stored.length).toBe(24);
});

/** The voxel of the file at a corner of the screen: its numbers along the axes of the file. */
function cornerVoxel(sform: number[][], plane: (typeof NIFTI_PLANES)[number]): number[] {
  const { header } = readNifti(aFile({ sform }));
  const layout = layoutOf(header, plane);
  const voxel = [0, 0, 0];
  for (const along of [layout.across, layout.down, layout.through]) {
    voxel[along.axis] = voxelAt(along, 0, header);
  }
  return voxel;
}

test.each([
  // Upper left, first slice: right and front; right and head; front and head.
  ["RAS, axial", RAS, "axial", [1, 2, 0]],
  ["RAS, coronal", RAS, "coronal", [1, 0, 3]],
  ["RAS, sagittal", RAS, "sagittal", [1, 2, 3]],
  ["LAS, axial", LAS, "axial", [0, 2, 0]],
  ["LAS, coronal", LAS, "coronal", [0, 0, 3]],
] as const)("%s begins at the patient's right, front and head", (_, sform, plane, voxel) => {
  expect(cornerVoxel(sform as number[][], plane)).toEqual(voxel);
});

test("the patient's right is at the left of the screen, whatever the order of the file", () => {
  for (const sform of [RAS, LAS]) {
    const { header } = readNifti(aFile({ sform }));
    // LPS: columns run to the left, rows to the back.
    expect(directionsOf(header, "axial")).toEqual({ across: [1, 0, 0], down: [0, 1, 0] });
    expect(directionsOf(header, "coronal")).toEqual({ across: [1, 0, 0], down: [0, 0, -1] });
    expect(directionsOf(header, "sagittal")).toEqual({ across: [0, 1, 0], down: [0, 0, -1] });
  }
});

test("a volume that was measured sagittally is cut in the planes of the patient", () => {
  // Axes of the file: to the back, to the feet, to the left.
  const sform = [
    [0, 0, -4, 0],
    [-2, 0, 0, 0],
    [0, -3, 0, 0],
  ];
  const nifti = readNifti(aFile({ sform }));
  expect(orientationCode(nifti.header)).toBe("PIL");
  const axial = sliceAt(nifti, "axial", 0, 0);
  expect([axial.width, axial.height]).toEqual([4, 2]);
  // The lowest slice: the last row of the file; columns from its right to its left.
  expect([...axial.values]).toEqual([4, 10, 16, 22, 5, 11, 17, 23]);
});

test("a slice has the values that the header asks for", () => {
  const nifti = readNifti(aFile({ sform: LAS, slope: 2, intercept: -1 }));
  const { width, height, values } = sliceAt(nifti, "axial", 1, 0);
  expect([width, height]).toEqual([2, 3]);
  // Rows from the front to the back.
  expect([...values]).toEqual([10, 11, 8, 9, 6, 7].map((stored) => 2 * stored - 1));
});

test("of several volumes each has its own", () => {
  const nifti = readNifti(aFile({ sform: LAS, size: [2, 1, 1, 3] }));
  expect([...sliceAt(nifti, "axial", 0, 2).values]).toEqual([4, 5]);
});

test("a quaternion says where the axes run to when there is no sform", () => {
  // Half a turn around the axis from feet to head.
  const { header } = readNifti(aFile({ quaternion: [0, 0, 1] }));
  expect(header.from).toBe("qform");
  expect(orientationCode(header)).toBe("LPS");
  const flipped = readNifti(aFile({ quaternion: [0, 0, 1], hand: -1 }));
  expect(orientationCode(flipped.header)).toBe("LPI");
});

test("without either nobody says what is left and right", () => {
  const { header } = readNifti(aFile({}));
  expect(orientationCode(header)).toBeNull();
  expect(directionsOf(header, "axial")).toBeNull();
});

test("an oblique volume says by how much", () => {
  const turn = (10 * Math.PI) / 180;
  const sform = [
    [2 * Math.cos(turn), -3 * Math.sin(turn), 0, 0],
    [2 * Math.sin(turn), 3 * Math.cos(turn), 0, 0],
    [0, 0, 4, 0],
  ];
  expect(obliqueBy(readNifti(aFile({ sform })).header)).toBeCloseTo(10, 4);
  expect(obliqueBy(readNifti(aFile({ sform: RAS })).header)).toBeCloseTo(0, 4);
});

test("bytes in the other order are read too", () => {
  const bytes = Uint8Array.from([0, 1, 1, 0]);
  const nifti = readNifti(
    aFile({ little: false, datatype: 4, size: [2, 1, 1], bytes, sform: LAS }),
  );
  expect([...nifti.header.size]).toEqual([2, 1, 1, 1]);
  expect([...sliceAt(nifti, "axial", 0, 0).values]).toEqual([1, 256]);
});

test.each([
  ["no NIfTI file", new ArrayBuffer(1000), /no NIfTI file/],
  ["an empty file", new ArrayBuffer(0), /no NIfTI file/],
  ["a header alone", aFile({ magic: "ni1" }), /in another file/],
  ["a file that ends too early", aFile({ bytes: new Uint8Array(5) }), /ends too early/],
  ["complex values", aFile({ datatype: 32 }), /datatype 32/],
])("%s is refused in words", (_, file, words) => {
  expect(() => readNifti(file)).toThrow(NiftiError);
  expect(() => readNifti(file)).toThrow(words);
});

/** What a browser has; the one of the test's page has no streams. */
const aBlob = (bytes: ArrayBuffer) => new NodeBlob([bytes]) as unknown as Blob;

async function packed(file: ArrayBuffer): Promise<Blob> {
  const stream = aBlob(file).stream().pipeThrough(new CompressionStream("gzip"));
  return aBlob(await new Response(stream).arrayBuffer());
}

test("a packed file is unpacked, and one that would not fit is refused", async () => {
  const file = aFile({ sform: RAS });
  expect(new Uint8Array(await unpacked(aBlob(file)))).toEqual(new Uint8Array(file));
  const small = await packed(file);
  expect(new Uint8Array(await unpacked(small))).toEqual(new Uint8Array(file));
  await expect(unpacked(small, 100)).rejects.toThrow(/more than/);
  await expect(unpacked(small.slice(0, 60))).rejects.toThrow(/damaged/);
});

// Writes small MR images (explicit VR little endian), a head phantom of ellipsoids, for the
// fixture server. Not a DICOM library: just enough tags for the viewer to be looked at.

const SIZE = 192;
export const SLICES = 24;

/** [value, rx, ry, rz, x, y, z], in units of half the field of view. */
const ELLIPSOIDS = [
  [620, 0.68, 0.86, 0.9, 0, 0, 0],
  [-330, 0.63, 0.81, 0.86, 0, -0.01, 0],
  [260, 0.55, 0.72, 0.78, 0, 0, 0],
  [-250, 0.1, 0.3, 0.3, 0.16, 0.06, 0.05],
  [-250, 0.1, 0.3, 0.3, -0.16, 0.06, 0.05],
  [180, 0.16, 0.16, 0.2, 0, 0.38, 0.1],
  [140, 0.06, 0.06, 0.1, 0.28, -0.34, -0.1],
  [-160, 0.05, 0.05, 0.08, -0.3, -0.28, 0.1],
];

export function makeDicom({ patient, uid, slice, description, studyUid, seriesUid }) {
  const z = (2 * (slice + 0.5)) / SLICES - 1;
  const pixels = Buffer.alloc(SIZE * SIZE * 2);
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < SIZE; column += 1) {
      const x = (2 * (column + 0.5)) / SIZE - 1;
      const y = (2 * (row + 0.5)) / SIZE - 1;
      let value = 0;
      for (const [v, rx, ry, rz, cx, cy, cz] of ELLIPSOIDS) {
        if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z * 0.95 - cz) / rz) ** 2 <= 1)
          value += v;
      }
      const noise =
        Math.abs(Math.sin(row * 12.9898 + column * 78.233 + slice * 37.7) * 43758.5453) % 1;
      pixels.writeUInt16LE(Math.max(0, Math.round(value + noise * 36)), (row * SIZE + column) * 2);
    }
  }
  const spacing = 240 / SIZE;
  const dataset = Buffer.concat([
    el(0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\M\\ND"),
    el(0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.4"),
    el(0x0008, 0x0018, "UI", uid),
    el(0x0008, 0x0060, "CS", "MR"),
    el(0x0008, 0x103e, "LO", description),
    el(0x0010, 0x0010, "PN", `${patient.last_name}^${patient.first_name}`),
    el(0x0010, 0x0020, "LO", patient.id),
    el(0x0018, 0x0050, "DS", "5"),
    el(0x0020, 0x000d, "UI", studyUid),
    el(0x0020, 0x000e, "UI", seriesUid),
    el(0x0020, 0x0013, "IS", String(slice + 1)),
    el(0x0020, 0x0032, "DS", `-120\\-120\\${(slice - SLICES / 2) * 6}`),
    el(0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
    el(0x0028, 0x0002, "US", 1),
    el(0x0028, 0x0004, "CS", "MONOCHROME2"),
    el(0x0028, 0x0010, "US", SIZE),
    el(0x0028, 0x0011, "US", SIZE),
    el(0x0028, 0x0030, "DS", `${spacing}\\${spacing}`),
    el(0x0028, 0x0100, "US", 16),
    el(0x0028, 0x0101, "US", 16),
    el(0x0028, 0x0102, "US", 15),
    el(0x0028, 0x0103, "US", 0),
    el(0x0028, 0x1050, "DS", "300"),
    el(0x0028, 0x1051, "DS", "600"),
    el(0x7fe0, 0x0010, "OW", pixels),
  ]);
  const meta = Buffer.concat([
    el(0x0002, 0x0001, "OB", Buffer.from([0, 1])),
    el(0x0002, 0x0002, "UI", "1.2.840.10008.5.1.4.1.1.4"),
    el(0x0002, 0x0003, "UI", uid),
    el(0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1"),
    el(0x0002, 0x0012, "UI", "2.25.1"),
  ]);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from("DICM"),
    el(0x0002, 0x0000, "UL", meta.length),
    meta,
    dataset,
  ]);
}

function el(group, element, vr, value) {
  let body;
  if (Buffer.isBuffer(value)) body = value;
  else if (vr === "US") (body = Buffer.alloc(2)).writeUInt16LE(value);
  else if (vr === "UL") (body = Buffer.alloc(4)).writeUInt32LE(value);
  else body = Buffer.from(value, "latin1");
  if (body.length % 2) body = Buffer.concat([body, Buffer.from(vr === "UI" ? [0] : [32])]);
  const long = vr === "OB" || vr === "OW";
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(element, 2);
  head.write(vr, 4, "latin1");
  if (long) head.writeUInt32LE(body.length, 8);
  else head.writeUInt16LE(body.length, 6);
  return Buffer.concat([head, body]);
}

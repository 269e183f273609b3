import { type Nifti, type NiftiHeader, samplesOf, type Vector3 } from "./nifti";

/**
 * Slices of a NIfTI volume as a radiologist looks at them: the patient's right is at the left of an
 * axial and a coronal slice, the front at the left of a sagittal one, head and front are up.
 */

export const NIFTI_PLANES = ["axial", "coronal", "sagittal"] as const;
export type NiftiPlane = (typeof NIFTI_PLANES)[number];

/** One axis of the screen: which axis of the file runs along it, and whether backwards. */
interface Along {
  axis: 0 | 1 | 2;
  backwards: boolean;
}
export interface PlaneLayout {
  across: Along;
  down: Along;
  through: Along;
}

/** For each axis of the patient (right, front, head): the axis of the file that is nearest to it. */
interface Nearest {
  axis: 0 | 1 | 2;
  /** Whether its voxels run to that side. */
  positive: boolean;
}

const AXES = [0, 1, 2] as const;

export function nearestAxes(axes: NonNullable<NiftiHeader["axes"]>): [Nearest, Nearest, Nearest] {
  const unit = axes.map((axis) => axis.map((part) => part / Math.hypot(...axis)));
  const pairs = AXES.flatMap((side) =>
    AXES.map((axis) => ({ side, axis, part: unit[axis]![side]! })),
  ).toSorted((a, b) => Math.abs(b.part) - Math.abs(a.part));
  const found: Partial<Record<number, Nearest>> = {};
  const taken = new Set<number>();
  // The surest first: of an oblique volume each axis of the file stands for one of the patient.
  for (const { side, axis, part } of pairs) {
    if (found[side] || taken.has(axis)) continue;
    found[side] = { axis, positive: part > 0 };
    taken.add(axis);
  }
  return [found[0]!, found[1]!, found[2]!];
}

const UNKNOWN: [Nearest, Nearest, Nearest] = [
  { axis: 0, positive: false },
  { axis: 1, positive: false },
  { axis: 2, positive: true },
];

export function layoutOf(header: NiftiHeader, plane: NiftiPlane): PlaneLayout {
  const [right, front, head] = header.axes ? nearestAxes(header.axes) : UNKNOWN;
  // On the screen, columns run to the patient's left or back, rows to the back or the feet.
  const away = ({ axis, positive }: Nearest): Along => ({ axis, backwards: positive });
  const along = ({ axis, positive }: Nearest): Along => ({ axis, backwards: !positive });
  switch (plane) {
    case "axial":
      return { across: away(right), down: away(front), through: along(head) };
    case "coronal":
      return { across: away(right), down: away(head), through: along(front) };
    case "sagittal":
      return { across: away(front), down: away(head), through: away(right) };
  }
}

export interface NiftiSlice {
  width: number;
  height: number;
  /** Rows one after the other, three values in a row for a colour. */
  values: Float32Array;
}

/** Number of a voxel along its axis, from its place on the screen. */
export const voxelAt = ({ axis, backwards }: Along, place: number, header: NiftiHeader): number =>
  backwards ? header.size[axis] - 1 - place : place;

/** A slice by its place on the screen, from the back to the front of the plane. */
export function sliceAt(
  { header, stored }: Nifti,
  plane: NiftiPlane,
  place: number,
  volume: number,
): NiftiSlice {
  const layout = layoutOf(header, plane);
  const samples = samplesOf(header);
  const [nx, ny, nz] = header.size;
  const steps: Vector3 = [1, nx, nx * ny];
  const [width, height] = [header.size[layout.across.axis], header.size[layout.down.axis]];
  const values = new Float32Array(width * height * samples);
  const fixed =
    volume * nx * ny * nz + voxelAt(layout.through, place, header) * steps[layout.through.axis];
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const begin = fixed + voxelAt(layout.down, row, header) * steps[layout.down.axis];
    for (let column = 0; column < width; column += 1) {
      const voxel = begin + voxelAt(layout.across, column, header) * steps[layout.across.axis];
      for (let part = 0; part < samples; part += 1) {
        values[at] = header.slope * stored[voxel * samples + part]! + header.intercept;
        at += 1;
      }
    }
  }
  return { width, height, values };
}

/** Where columns and rows of the screen run to in the patient (LPS, unit vectors); null: unknown. */
export function directionsOf(
  header: NiftiHeader,
  plane: NiftiPlane,
): { across: Vector3; down: Vector3 } | null {
  if (!header.axes) return null;
  const layout = layoutOf(header, plane);
  const direction = ({ axis, backwards }: Along): Vector3 => {
    const [x, y, z] = header.axes![axis];
    const length = (backwards ? -1 : 1) * Math.hypot(x, y, z);
    // RAS to LPS; there is no minus nothing.
    return [-x / length || 0, -y / length || 0, z / length || 0];
  };
  return { across: direction(layout.across), down: direction(layout.down) };
}

/** To which sides the axes of the file run, as `LAS`; null: unknown. */
export function orientationCode({ axes }: NiftiHeader): string | null {
  if (!axes) return null;
  const letters = ["RL", "AP", "SI"];
  const code = ["", "", ""];
  for (const [side, { axis, positive }] of nearestAxes(axes).entries()) {
    code[axis] = letters[side]![positive ? 0 : 1]!;
  }
  return code.join("");
}

/** How far the axes of the file are turned from those of the patient [degree]. */
export function obliqueBy({ axes }: NiftiHeader): number {
  if (!axes) return 0;
  const turned = nearestAxes(axes).map(({ axis }, side) => {
    const unit = Math.abs(axes[axis][side as 0 | 1 | 2]) / Math.hypot(...axes[axis]);
    return (Math.acos(Math.min(1, unit)) * 180) / Math.PI;
  });
  return Math.max(...turned);
}

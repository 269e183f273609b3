import { datatypeName, type NiftiHeader } from "./nifti";
import { obliqueBy, orientationCode } from "./niftiPlanes";

const NARROW = "\u202f";
const SIDES: Record<string, string> = {
  R: "right",
  L: "left",
  A: "front",
  P: "back",
  S: "head",
  I: "feet",
};
const SIGNIFICANT_DEGREES = 1;

const short = (value: number) => String(Number(value.toPrecision(4)));

/** What the header says, in words. */
export function headerFacts(header: NiftiHeader): [string, string][] {
  const [nx, ny, nz, volumes] = header.size;
  const [sx, sy, sz, st] = header.spacing;
  const code = orientationCode(header);
  const oblique = obliqueBy(header);
  const facts: [string, string | null][] = [
    ["Voxels", `${nx} × ${ny} × ${nz}`],
    ["Voxel size", `${short(sx)} × ${short(sy)} × ${short(sz)}${NARROW}mm`],
    ["Volumes", volumes > 1 ? `${volumes}${st > 0 ? `, ${short(st)}${NARROW}s apart` : ""}` : null],
    [
      "Axes run to",
      code
        ? `${code}: ${[...code].map((letter) => SIDES[letter]).join(", ")} (${header.from})`
        : "unknown: the file does not say what is left and right",
    ],
    [
      "Turned",
      oblique > SIGNIFICANT_DEGREES
        ? `by ${short(oblique)}° from the axes of the patient: slices are those of the file`
        : null,
    ],
    ["Values", datatypeName(header.datatype)],
    [
      "Scaled",
      header.slope !== 1 || header.intercept !== 0
        ? `${short(header.slope)} × stored + ${short(header.intercept)}`
        : null,
    ],
    ["Description", header.description || null],
    ["Format", `NIfTI-${header.version}`],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

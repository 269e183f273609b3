import { decimal, t } from "../../i18n";
import { datatypeName, type NiftiHeader } from "./nifti";
import { obliqueBy, orientationCode } from "./niftiPlanes";

const NARROW = "\u202f";
const SIDES: Record<string, string> = {
  R: t("right"),
  L: t("left"),
  A: t("front"),
  P: t("back"),
  S: t("head"),
  I: t("feet"),
};
const SIGNIFICANT_DEGREES = 1;

const short = (value: number) => decimal(Number(value.toPrecision(4)));

/** What the header says, in words. */
export function headerFacts(header: NiftiHeader): [string, string][] {
  const [nx, ny, nz, volumes] = header.size;
  const [sx, sy, sz, st] = header.spacing;
  const code = orientationCode(header);
  const oblique = obliqueBy(header);
  const facts: [string, string | null][] = [
    [t("Voxels"), `${nx} × ${ny} × ${nz}`],
    [t("Voxel size"), `${short(sx)} × ${short(sy)} × ${short(sz)}${NARROW}mm`],
    [
      t("Volumes"),
      volumes > 1
        ? `${volumes}${st > 0 ? t(", {short}\u202fs apart", { short: short(st) }) : ""}`
        : null,
    ],
    [
      t("Axes run to"),
      code
        ? `${code}: ${[...code].map((letter) => SIDES[letter]).join(", ")} (${header.from})`
        : t("unknown: the file does not say what is left and right"),
    ],
    [
      t("Turned"),
      oblique > SIGNIFICANT_DEGREES
        ? t("by {short}° from the axes of the patient: slices are those of the file", {
            short: short(oblique),
          })
        : null,
    ],
    [t("Values"), datatypeName(header.datatype)],
    [
      t("Scaled"),
      header.slope !== 1 || header.intercept !== 0
        ? t("{slope} × stored + {intercept}", {
            slope: short(header.slope),
            intercept: short(header.intercept),
          })
        : null,
    ],
    [t("Description"), header.description || null],
    [t("Format"), `NIfTI-${header.version}`],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

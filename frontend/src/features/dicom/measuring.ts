import { utilities as core } from "@cornerstonejs/core";
import {
  AngleTool,
  annotation as annotations,
  EllipticalROITool,
  LengthTool,
  RectangleROITool,
  type Types,
} from "@cornerstonejs/tools";

/** What can be measured on an image, and how the tools of the viewer know it. */

export type MeasureKind = "length" | "angle" | "ellipse" | "rectangle";
export const MEASURES = [
  { kind: "length", tool: LengthTool },
  { kind: "angle", tool: AngleTool },
  { kind: "ellipse", tool: EllipticalROITool },
  { kind: "rectangle", tool: RectangleROITool },
] as const satisfies { kind: MeasureKind; tool: unknown }[];

const NARROW = "\u202f";

/** An area without the unit that the tools invent for MR signal, which has none. */
function linesOfArea(data: Types.Annotation["data"], target: string): string[] | undefined {
  const found = (data.cachedStats as Record<string, Record<string, unknown>>)[target];
  if (typeof found?.area !== "number" || typeof found.mean !== "number") return undefined;
  const [low, high] = [found.min, found.max].map((value) => core.roundNumber(Number(value)));
  return [
    `${core.roundNumber(found.area)}${NARROW}${String(found.areaUnit)}`,
    `mean ${core.roundNumber(found.mean)}, SD ${core.roundNumber(Number(found.stdDev))}`,
    `${low} to ${high}`,
  ];
}

export const measureOptions = (kind: MeasureKind): Record<string, unknown> =>
  kind === "ellipse" || kind === "rectangle" ? { getTextLines: linesOfArea } : {};

/** Removes what was measured on some images. */
export function removeMeasurementsOn(imageIds: string[]): void {
  for (const each of annotations.state.getAllAnnotations()) {
    const imageId = each.metadata?.referencedImageId;
    if (each.annotationUID && imageId && imageIds.includes(imageId)) {
      annotations.state.removeAnnotation(each.annotationUID);
    }
  }
}

/** Removes those that were chosen by a click. */
export function removeChosen(): void {
  for (const id of annotations.selection.getAnnotationsSelected().filter(Boolean)) {
    annotations.state.removeAnnotation(id);
  }
}

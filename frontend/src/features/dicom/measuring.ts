import { utilities as core } from "@cornerstonejs/core";
import {
  AngleTool,
  annotation as annotations,
  ArrowAnnotateTool,
  EllipticalROITool,
  LengthTool,
  RectangleROITool,
  type Types,
} from "@cornerstonejs/tools";

import type { AnnotationKind } from "../../api/annotations";
import { t } from "../../i18n";

/** What can be drawn on an image, and how the tools of the viewer know it. */

export const MEASURES = [
  { kind: "length", tool: LengthTool },
  { kind: "angle", tool: AngleTool },
  { kind: "ellipse", tool: EllipticalROITool },
  { kind: "rectangle", tool: RectangleROITool },
  { kind: "arrow", tool: ArrowAnnotateTool },
] as const satisfies { kind: AnnotationKind; tool: unknown }[];

/** Asks for words, beginning with those that are there; null: leave it. */
export type AskWords = (before: string) => Promise<string | null>;

const NARROW = "\u202f";

type Found = Record<string, unknown> | undefined;

/** The words that somebody wrote to a measure, above its value. */
const below = (data: Types.Annotation["data"], lines: string[]): string[] =>
  data.label ? [data.label, ...lines] : lines;

const foundOf = (data: Types.Annotation["data"], target: string): Found =>
  (data.cachedStats as Record<string, Found>)[target];

function linesOfLength(data: Types.Annotation["data"], target: string): string[] | undefined {
  const found = foundOf(data, target);
  if (typeof found?.length !== "number") return undefined;
  return below(data, [`${core.roundNumber(found.length)}${NARROW}${String(found.unit)}`]);
}

function linesOfAngle(data: Types.Annotation["data"], target: string): string[] | undefined {
  const angle = foundOf(data, target)?.angle;
  return typeof angle === "number" ? below(data, [`${core.roundNumber(angle)}°`]) : undefined;
}

/** An area without the unit that the tools invent for MR signal, which has none. */
function linesOfArea(data: Types.Annotation["data"], target: string): string[] | undefined {
  const found = foundOf(data, target);
  if (typeof found?.area !== "number" || typeof found.mean !== "number") return undefined;
  const [low, high] = [found.min, found.max].map((value) => core.roundNumber(Number(value)));
  return below(data, [
    `${core.roundNumber(found.area)}${NARROW}${String(found.areaUnit)}`,
    t("mean {roundNumber}, SD {roundNumber2}", {
      roundNumber: core.roundNumber(found.mean),
      roundNumber2: core.roundNumber(Number(found.stdDev)),
    }),
    t("{low} to {high}", { low, high }),
  ]);
}

export function measureOptions(kind: AnnotationKind, ask: AskWords): Record<string, unknown> {
  if (kind === "length") return { getTextLines: linesOfLength };
  if (kind === "angle") return { getTextLines: linesOfAngle };
  if (kind !== "arrow") return { getTextLines: linesOfArea };
  return {
    arrowHeadStyle: "standard",
    getTextCallback: (done: (words: string | null) => void) => void ask("").then(done),
    changeTextCallback: (
      { data }: Types.Annotation,
      _event: unknown,
      done: (words: string) => void,
    ) => {
      const before = data.label ?? "";
      void ask(before).then((words) => done(words || before));
    },
  };
}

export const kindOf = (toolName: string): AnnotationKind | null =>
  MEASURES.find(({ tool }) => tool.toolName === toolName)?.kind ?? null;

/** Removes what is drawn on some images from the picture; what is kept stays kept. */
export function clearDrawingsOn(imageIds: string[]): void {
  for (const each of annotations.state.getAllAnnotations()) {
    const imageId = each.metadata?.referencedImageId;
    if (each.annotationUID && imageId && imageIds.includes(imageId)) {
      annotations.state.removeAnnotation(each.annotationUID);
    }
  }
}

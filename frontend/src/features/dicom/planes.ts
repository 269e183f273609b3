import { metaData } from "@cornerstonejs/core";

import type { PixelGrid } from "./annotationGeometry";
import { cross, dot, type Vector } from "./geometry";
import type { ImageIdentity } from "./identity";

/** What the header of an image says of it: where it lies, and whose it is. */

export interface Plane {
  across: Vector;
  down: Vector;
  position: Vector | null;
  spaced: boolean;
  frameOfReference: string;
}

export function planeOf(imageId: string): Plane | null {
  const plane = metaData.get("imagePlaneModule", imageId) as
    | {
        rowCosines?: Vector;
        columnCosines?: Vector;
        imagePositionPatient?: Vector;
        rowPixelSpacing?: number | null;
        usingDefaultValues?: boolean;
        frameOfReferenceUID?: string;
      }
    | undefined;
  if (!plane?.rowCosines || !plane.columnCosines || plane.usingDefaultValues) return null;
  return {
    across: plane.rowCosines,
    down: plane.columnCosines,
    position: plane.imagePositionPatient ?? null,
    spaced: Boolean(plane.rowPixelSpacing),
    frameOfReference: plane.frameOfReferenceUID ?? "",
  };
}

/** Pixels of an image in the patient, as the viewer draws them; null until its header is read. */
export function gridOf(imageId: string): PixelGrid | null {
  const plane = metaData.get("imagePlaneModule", imageId) as
    | {
        rowCosines?: Vector | null;
        columnCosines?: Vector | null;
        imagePositionPatient?: Vector | null;
        rowPixelSpacing?: number | null;
        columnPixelSpacing?: number | null;
      }
    | undefined;
  if (!plane) return null;
  return {
    // As the viewer does for images that do not say where they lie.
    origin: plane.imagePositionPatient ?? [0, 0, 0],
    across: plane.rowCosines ?? [1, 0, 0],
    down: plane.columnCosines ?? [0, 1, 0],
    columnMm: plane.columnPixelSpacing || 1,
    rowMm: plane.rowPixelSpacing || 1,
    spaced: Boolean(plane.rowPixelSpacing),
  };
}

/** Which frame of which object an image is; of a file with one frame, the first. */
export function frameOf(imageId: string): { instance: string; frame: number } {
  const named = /(?:[?&]frame=|\/frames\/)(\d+)/.exec(imageId)?.[1];
  // Of an image that was not read yet, its address in the archive says which it is.
  const inAddress = /\/instances\/([\d.]+)/.exec(imageId)?.[1] ?? "";
  return { instance: tag(imageId, "SOPInstanceUID") || inAddress, frame: Number(named ?? 1) };
}

export function sortedByPosition(imageIds: string[]): string[] {
  const planes = imageIds.map((imageId) => ({ imageId, plane: planeOf(imageId) }));
  const normal = planes[0]?.plane && cross(planes[0].plane.across, planes[0].plane.down);
  if (!normal) return imageIds;
  const places = planes.map(({ imageId, plane }) => ({
    imageId,
    at: plane?.position ? dot(normal, plane.position) : null,
  }));
  if (places.some(({ at }) => at === null)) return imageIds;
  return places.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0)).map(({ imageId }) => imageId);
}

/** Closer than this [mm], two images lie at one place. */
const SAME_PLACE = 1e-3;

/**
 * Images that lie at the same places again and again, as echoes and phases do, as volumes in the
 * order they came in; one volume where they do not.
 */
export function volumesOf(imageIds: string[]): string[][] {
  const sorted = sortedByPosition(imageIds);
  const [first] = sorted.map(planeOf);
  const normal = first && cross(first.across, first.down);
  if (!normal) return [sorted];
  const places: string[][] = [];
  let last = -Infinity;
  for (const imageId of sorted) {
    const position = planeOf(imageId)?.position;
    if (!position) return [sorted];
    const at = dot(normal, position);
    if (at - last > SAME_PLACE) places.push([]);
    places.at(-1)?.push(imageId);
    last = at;
  }
  const count = places[0]?.length ?? 1;
  if (places.some((place) => place.length !== count)) return [sorted];
  const asTheyCame = places.map((place) =>
    place.toSorted((a, b) => imageIds.indexOf(a) - imageIds.indexOf(b)),
  );
  return Array.from({ length: count }, (_, number) => asTheyCame.map((place) => place[number]!));
}

/** One file of many frames becomes one image per frame. */
export function framesOf(imageIds: string[]): string[] {
  const only = imageIds.length === 1 ? imageIds[0] : undefined;
  const count = only ? Number(tag(only, "NumberOfFrames")) : 1;
  if (!only || !(count > 1)) return imageIds;
  return Array.from({ length: count }, (_, frame) => `${only}?frame=${frame + 1}`);
}

export function tag(imageId: string, keyword: string): string {
  const dataset = metaData.get("naturalized", imageId) as Record<string, unknown> | undefined;
  return asText(dataset?.[keyword]);
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return asText(value[0]);
  if (typeof value === "object" && "Alphabetic" in value) return asText(value.Alphabetic);
  return String(value);
}

export const identityOf = (imageId: string): ImageIdentity => ({
  patientId: tag(imageId, "PatientID"),
  patientName: tag(imageId, "PatientName"),
});

/** A plane in the patient. */
export interface Place {
  frameOfReference: string;
  position: Vector;
  normal: Vector;
}

export function placeOf(imageId: string): Place | null {
  const plane = planeOf(imageId);
  if (!plane?.position || plane.frameOfReference === "") return null;
  return {
    frameOfReference: plane.frameOfReference,
    position: plane.position,
    normal: cross(plane.across, plane.down),
  };
}

/** Directions closer than this are one: 5 degrees. */
const PARALLEL = Math.cos((5 * Math.PI) / 180);

/** The image that lies nearest to a plane; null where there is none that is parallel to it. */
export function nearestTo(place: Place, imageIds: string[]): number | null {
  let [best, least] = [null as number | null, Infinity];
  for (const [index, imageId] of imageIds.entries()) {
    const other = placeOf(imageId);
    if (!other || other.frameOfReference !== place.frameOfReference) continue;
    if (Math.abs(dot(other.normal, place.normal)) < PARALLEL) continue;
    const away = Math.abs(dot(place.normal, other.position) - dot(place.normal, place.position));
    if (away < least) [best, least] = [index, away];
  }
  return best;
}

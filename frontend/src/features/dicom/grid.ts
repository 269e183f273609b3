import { imageLoader, type Types } from "@cornerstonejs/core";

import { startCornerstone } from "./cornerstone";
import type { ImageIdentity } from "./identity";
import { framesOf, identityOf, sortedByPosition } from "./planes";
import { type Preset, presetsOf, storedWindow, type Window } from "./presets";
import { type ImageSource, imageIdsOf } from "./sources";

/** Images painted without the engine of the viewer: many of them, small. */

export interface Thumb {
  identity: ImageIdentity;
  image: Types.IImage;
}

export interface OpenedGrid {
  imageIds: string[];
  presets: Preset[];
  read: (imageId: string) => Promise<Thumb>;
}

export async function openGrid(images: ImageSource[], inOrder: boolean): Promise<OpenedGrid> {
  startCornerstone();
  const first = await imageIdsOf(images);
  const single = first.length === 1 ? await imageLoader.loadAndCacheImage(first[0]!) : null;
  const frames = framesOf(first);
  const read = async (imageId: string): Promise<Thumb> => {
    const image = await imageLoader.loadAndCacheImage(imageId);
    return { image, identity: identityOf(imageId) };
  };
  // The same order as in the stack: positions are known once the headers are.
  if (!inOrder && !single) await Promise.all(frames.map((each) => read(each)));
  const imageIds = inOrder ? frames : sortedByPosition(frames);
  const { image } = await read(imageIds[Math.floor(imageIds.length / 2)]!);
  return { imageIds, presets: presetsOf(image.getPixelData(), storedWindow(image)), read };
}

/** Paints an image with a window; colour as it is. */
export function paint(canvas: HTMLCanvasElement, { image }: Thumb, window: Window): void {
  const { rows, columns } = image;
  canvas.width = columns;
  canvas.height = rows;
  const [across, down] = [image.columnPixelSpacing || 1, image.rowPixelSpacing || 1];
  canvas.style.aspectRatio = String((columns * across) / (rows * down));
  const context = canvas.getContext("2d");
  context?.putImageData(new ImageData(pixelsOf(image, window), columns, rows), 0, 0);
}

function pixelsOf(image: Types.IImage, { lower, upper }: Window): Uint8ClampedArray<ArrayBuffer> {
  const values = image.getPixelData();
  const count = image.rows * image.columns;
  const pixels = new Uint8ClampedArray(count * 4).fill(255);
  if (image.color) {
    const samples = values.length / count;
    for (let at = 0; at < count; at += 1) {
      for (let part = 0; part < 3; part += 1) {
        pixels[at * 4 + part] = values[at * samples + part] ?? 0;
      }
    }
    return pixels;
  }
  const scale = 255 / Math.max(1e-9, upper - lower);
  for (let at = 0; at < count; at += 1) {
    const level = (values[at]! - lower) * scale;
    pixels.fill(image.invert ? 255 - level : level, at * 4, at * 4 + 3);
  }
  return pixels;
}

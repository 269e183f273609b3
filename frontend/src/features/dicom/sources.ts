import { utilities } from "@cornerstonejs/metadata";

import { type DicomJson, getMetadata, type Instance } from "../../api/archive";

/** Where an image of a stack comes from. */
export interface ImageSource {
  /** A DICOM file: of a result, or an instance over WADO-RS. */
  url: string;
  /** What the archive knows of it: several frames are fetched one by one. */
  instance?: Instance;
}

const PIXELS = "7FE00010";

/** The names under which the loader knows images; what several frames share is read at once. */
export async function imageIdsOf(
  images: ImageSource[],
  readMetadata: (instance: Instance) => Promise<DicomJson> = getMetadata,
): Promise<string[]> {
  const ids = await Promise.all(
    images.map(async ({ url, instance }) => {
      if (!instance || instance.frames <= 1) return [`wadouri:${url}`];
      const { [PIXELS]: _, ...metadata } = await readMetadata(instance);
      const frames = Array.from(
        { length: instance.frames },
        (_none, frame) => `wadors:${url}/frames/${frame + 1}`,
      );
      utilities.addDicomWebInstance(frames[0]!, metadata);
      return frames;
    }),
  );
  return ids.flat();
}

import { metaData } from "@cornerstonejs/core";
import { utilities } from "@cornerstonejs/metadata";

import { fetchFile } from "../../api/files";
import { t } from "../../i18n";
import { startCornerstone } from "./cornerstone";
import type { ImageIdentity } from "./identity";
import { identityOf, tag } from "./planes";
import type { ImageSource } from "./sources";

/** Documents among DICOM objects: Encapsulated PDF (PS3.3 section A.45.1), such as a report. */

const PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1";

export interface DicomDocument {
  title: string;
  /** What kind of document it is, as its code says it. */
  concept: string;
  /** When its content was made: `YYYYMMDD` and `HHMMSS`. */
  date: string;
  time: string;
  identity: ImageIdentity;
  pdf: Blob;
}

/** Files that are documents, and no images. */
export class DocumentsError extends Error {
  override readonly name = "DocumentsError";
  constructor(readonly urls: string[]) {
    super(t("This is a document, and no image."));
  }
}

/** What the archive tells of an object before it is read. */
export const isKnownDocument = ({ instance }: ImageSource): boolean =>
  instance?.sopClass === PDF_CLASS;

/** Those of images that were asked for, and turned out to be documents. */
export function documentsAmong(imageIds: string[]): string[] {
  return imageIds
    .filter((imageId) => tag(imageId, "SOPClassUID") === PDF_CLASS)
    .map((imageId) => imageId.replace(/^wadouri:/, ""));
}

export async function readDocument(
  { url }: ImageSource,
  signal: AbortSignal,
): Promise<DicomDocument> {
  startCornerstone();
  const imageId = `wadouri:${url}`;
  if (!metaData.get("naturalized", imageId)) {
    const file = await fetchFile(url, signal, "application/dicom");
    await utilities.addDicomPart10Instance(imageId, await file.arrayBuffer());
  }
  const found = metaData.get("naturalized", imageId) as Record<string, unknown>;
  return { ...documentOf(found), identity: identityOf(imageId) };
}

/** What a data set says of its document. */
export function documentOf(found: Record<string, unknown>): Omit<DicomDocument, "identity"> {
  const [code] = itemsOf(found.ConceptNameCodeSequence);
  const length = Number(text(found.EncapsulatedDocumentLength)) || undefined;
  return {
    title: text(found.DocumentTitle),
    concept: text(code?.CodeMeaning),
    date: text(found.ContentDate) || text(found.SeriesDate),
    time: text(found.ContentDate) ? text(found.ContentTime) : text(found.SeriesTime),
    // Without the byte that makes its length even.
    pdf: new Blob(bytesOf(found.EncapsulatedDocument)).slice(0, length),
  };
}

function text(value: unknown): string {
  if (Array.isArray(value)) return text(value[0]);
  return value === null || value === undefined ? "" : String(value);
}

function itemsOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value as Record<string, unknown>[];
  return value && typeof value === "object" ? [value as Record<string, unknown>] : [];
}

function bytesOf(value: unknown): ArrayBuffer[] {
  if (Array.isArray(value)) return value.flatMap(bytesOf);
  if (value instanceof ArrayBuffer) return [value];
  return ArrayBuffer.isView(value)
    ? [Uint8Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)).buffer]
    : [];
}

/** Which files are looked at in the page; the others are downloaded. */

export type FileKind = "nifti" | "pdf";

export function fileKind(name: string): FileKind | null {
  const lower = name.toLowerCase();
  if (lower.endsWith(".nii") || lower.endsWith(".nii.gz")) return "nifti";
  return lower.endsWith(".pdf") ? "pdf" : null;
}

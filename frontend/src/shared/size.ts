import { decimal } from "../i18n";

/** `734003200` is `700 MiB`. */
export function sizeWords(bytes: number): string {
  if (bytes < 1024) return `${bytes}\u202fB`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const at = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  const size = bytes / 1024 ** at;
  return `${size < 10 ? decimal(size.toFixed(1)) : Math.round(size)}\u202f${units[at - 1]}`;
}

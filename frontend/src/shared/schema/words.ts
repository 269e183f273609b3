/** Names, values and authors of documents, as a person reads them. Pure. */

import { decimal, t } from "../../i18n";

const UNITS: Record<string, string> = {
  t: "T",
  hz: "Hz",
  mhz: "MHz",
  mm: "mm",
  s: "s",
  ms: "ms",
  db: "dB",
};

/** A value in a line; what is not there is said. */
export function valueInWords(value: unknown): string {
  if (value === undefined || value === null) return t("none");
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "string") return value === "" ? t("empty") : value;
  if (Array.isArray(value) && value.every((part) => typeof part !== "object")) {
    return value.length > 0 ? value.map(String).join(", ") : t("empty");
  }
  return JSON.stringify(value);
}

/** `field_strength_t: 1.5` is "Field strength", 1.5 T. */
export function parameterFact(name: string, value: unknown): { name: string; value: string } {
  const words = name.split("_").filter(Boolean);
  let shown = valueInWords(value);
  const unit = words.length > 1 ? UNITS[words.at(-1)?.toLowerCase() ?? ""] : undefined;
  if (unit) {
    words.pop();
    shown += `\u202f${unit}`;
  } else if (name === "larmor_frequency" && typeof value === "number") {
    shown = `${decimal(Number((value / 1e6).toFixed(6)))}\u202fMHz`;
  }
  const text = words.join(" ");
  return { name: text.charAt(0).toUpperCase() + text.slice(1), value: shown };
}

/** `user:ada` is ada; a calibration and the device itself have no name of their own. */
export function authorName(author: string | undefined): string {
  const [kind = "", name = ""] = (author ?? "").split(/:(.*)/s);
  if (kind === "user") return name;
  if (kind === "calibration") return t("Calibration ({name})", { name });
  return kind === "device" ? t("The device") : name || kind || "–";
}

import type { CalibrationType } from "../../api/types";

/** What a device says of itself, as a person reads it: `field_strength_t: 1.5` is 1.5 T. */

const UNITS: Record<string, string> = { t: "T", hz: "Hz", mhz: "MHz", mm: "mm", s: "s", ms: "ms" };

export function parameterFact(name: string, value: unknown): { name: string; value: string } {
  const words = name.split("_").filter(Boolean);
  let shown = typeof value === "object" ? JSON.stringify(value) : String(value);
  const unit = words.length > 1 ? UNITS[words.at(-1)?.toLowerCase() ?? ""] : undefined;
  if (unit) {
    words.pop();
    shown += `\u202f${unit}`;
  } else if (name === "larmor_frequency" && typeof value === "number") {
    shown = `${(value / 1e6).toFixed(3)}\u202fMHz`;
  }
  const text = words.join(" ");
  return { name: text.charAt(0).toUpperCase() + text.slice(1), value: shown };
}

/** The object that was typed, or what keeps it from being one. */
export function readParameters(
  typed: string,
): { parameter: Record<string, unknown> } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(typed);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "This is not JSON." };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { problem: 'Parameters are an object: { "name": value }.' };
  }
  return { parameter: value as Record<string, unknown> };
}

export const KINDS: Record<CalibrationType, string> = {
  frequency: "Frequency",
  "flip-angle": "Flip angle",
  shims: "Shims",
};

/** `user:ada` is ada; a calibration and the device itself have no name of their own. */
export function authorName(author: string | undefined): string {
  const [kind = "", name = ""] = (author ?? "").split(/:(.*)/s);
  if (kind === "user") return name;
  if (kind === "calibration") return `Calibration (${name})`;
  return kind === "device" ? "The device" : name || kind || "–";
}

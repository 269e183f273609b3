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

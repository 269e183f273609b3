import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { setLanguage } from "../../i18n";

beforeEach(() => {
  vi.resetModules();
});
afterEach(() => setLanguage("en", {}));

test("what is chosen in German is stored in English, and shown in the language of the page", async () => {
  const i18n = await import("../../i18n");
  i18n.setLanguage("de", { "Patient moved": "Patient hat sich bewegt" });
  const reasons = await import("./repeatReasons");
  expect(reasons.usualReasons()[0]).toBe("Patient hat sich bewegt");
  expect(reasons.storedReason(" patient hat sich bewegt ")).toBe("Patient moved");
  expect(reasons.shownReason("Patient moved")).toBe("Patient hat sich bewegt");
});

test("what was typed stays as it is", async () => {
  const { shownReason, storedReason } = await import("./repeatReasons");
  expect(storedReason(" The coil slipped ")).toBe("The coil slipped");
  expect(shownReason("The coil slipped")).toBe("The coil slipped");
  expect(shownReason("constructor")).toBe("constructor");
});

import { expect, test } from "vitest";

import type { Setting } from "../../api/settings";
import { valueWords } from "./SettingsPage";

const setting = (changes: Partial<Setting>): Setting => ({
  variable: "SCANHUB_PORT",
  description: "Port",
  source: "default",
  secret: false,
  is_set: true,
  value: 8000,
  default: 8000,
  ...changes,
});

test("a secret is told as set or not, and never by its value", () => {
  expect(valueWords(setting({}))).toBe("8000");
  expect(valueWords(setting({ value: null }))).toBe("none");
  expect(valueWords(setting({ secret: true, value: "oops" }))).toBe("set, not shown");
  expect(valueWords(setting({ secret: true, is_set: false, value: null }))).toBe("not set");
});

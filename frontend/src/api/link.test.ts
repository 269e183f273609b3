import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { EVENT_TYPES } from "./link";

/** What no screen shows yet. */
const UNSEEN =
  /^(user\.(?!created|updated|deleted)|audit|lake|journal|mercure|upload|dicom\.listener|protocol\.exported)/;

test("every event that the server writes is heard, or left out on purpose", () => {
  const source = readFileSync("../libraries/scanhub_libraries/scanhub_libraries/events.py", "utf8");
  const written = [...source.matchAll(/^ {4}[A-Z_]+ = "([a-z_.]+)"/gm)].map(([, type]) => type);
  expect(written.length).toBeGreaterThan(50);
  const unheard = written.filter((type = "") => !EVENT_TYPES.includes(type) && !UNSEEN.test(type));
  expect(unheard).toEqual([]);
});

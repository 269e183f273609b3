import { afterEach, expect, test } from "vitest";

import { setLanguage } from ".";
import { serverText } from "./server";

afterEach(() => setLanguage("en", {}));

const german = {
  "server: Conflict": "Konflikt",
  "server: Lower the flip angle.": "Verringern Sie den Flipwinkel.",
  "server: The largest RF amplitude": "Größte HF-Amplitude",
  "server: {what} is {value}; the device takes at most {limit}. {advice}":
    "{what}: {value}; das Gerät verträgt höchstens {limit}. {advice}",
};
const refusal =
  "The largest RF amplitude is 25.5 uT; the device takes at most 20 uT. Lower the flip angle.";

test("in English the server is heard as it speaks", () => {
  expect(serverText(refusal)).toBe(refusal);
});

test("a sentence that is known is said in the language, with what stands in it", () => {
  setLanguage("de", german);
  expect(serverText("Conflict")).toBe("Konflikt");
  expect(serverText(refusal)).toBe(
    "Größte HF-Amplitude: 25,5 uT; das Gerät verträgt höchstens 20 uT. Verringern Sie den Flipwinkel.",
  );
});

test("what nobody has translated stays as it came", () => {
  setLanguage("de", german);
  expect(serverText("A coil is on fire.")).toBe("A coil is on fire.");
  expect(serverText("")).toBe("");
});

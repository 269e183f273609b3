import { expect, test } from "vitest";

import { authorName, parameterFact, readParameters } from "./parameters";

test.each([
  ["field_strength_t", 1.5, "Field strength", "1.5\u202fT"],
  ["larmor_frequency", 63_869_000, "Larmor frequency", "63.869\u202fMHz"],
  ["receiver_channels", 4, "Receiver channels", "4"],
  ["t", [1, 2], "T", "[1,2]"],
])("%s is read as a person reads it", (name, value, words, shown) => {
  expect(parameterFact(name, value)).toEqual({ name: words, value: shown });
});

test("what was typed is read as an object, or why not is said", () => {
  expect(readParameters('{"a": [1]}')).toEqual({ parameter: { a: [1] } });
  for (const typed of ["", "{", "[1]", "null", "3"]) {
    expect(readParameters(typed)).toHaveProperty("problem");
  }
});

test.each([
  ["user:ada", "ada"],
  ["calibration:flip-angle", "Calibration (flip-angle)"],
  ["device:0193a0b0", "The device"],
  ["service:device-manager", "device-manager"],
  [undefined, "–"],
])("%s is %s to a person", (author, name) => {
  expect(authorName(author)).toBe(name);
});

import { expect, test } from "vitest";

import { factOf } from "./parameters";
import { fieldsOf } from "../../shared/schema/schema";
import { authorName, parameterFact } from "../../shared/schema/words";

test.each([
  ["field_strength_t", 1.5, "Field strength", "1.5\u202fT"],
  ["larmor_frequency", 63_869_000, "Larmor frequency", "63.869\u202fMHz"],
  ["receiver_channels", 4, "Receiver channels", "4"],
  ["t", [1, 2], "T", "1, 2"],
])("%s is read as a person reads it", (name, value, words, shown) => {
  expect(parameterFact(name, value)).toEqual({ name: words, value: shown });
});

test("with a schema a value has its words and its unit", () => {
  const fields = fieldsOf({
    type: "object",
    properties: { shims: { type: "array", title: "Linear shims", unit: "mT/m", items: {} } },
  });
  expect(factOf("shims", [0.1, 0, -0.2], fields)).toEqual({
    name: "Linear shims",
    value: "0.1, 0, -0.2\u202fmT/m",
  });
  expect(factOf("channels", 4, fields)).toEqual({ name: "Channels", value: "4" });
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

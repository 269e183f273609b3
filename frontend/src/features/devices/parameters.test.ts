import { expect, test } from "vitest";

import { parameterFact } from "./parameters";

test.each([
  ["field_strength_t", 1.5, "Field strength", "1.5\u202fT"],
  ["larmor_frequency", 63_869_000, "Larmor frequency", "63.869\u202fMHz"],
  ["receiver_channels", 4, "Receiver channels", "4"],
  ["t", [1, 2], "T", "[1,2]"],
])("%s is read as a person reads it", (name, value, words, shown) => {
  expect(parameterFact(name, value)).toEqual({ name: words, value: shown });
});

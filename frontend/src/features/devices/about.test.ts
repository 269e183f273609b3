import { expect, test } from "vitest";

import { capabilitiesOf } from "./capabilities";
import { limitFacts } from "./limits";

test("what a device does not announce is told with what follows", () => {
  const found = capabilitiesOf(["ack", "stop", "levitate"]);
  const pause = found.find(({ word }) => word === "pause");
  expect(pause).toMatchObject({ can: false, meaning: "Pause is not offered." });
  expect(found.find(({ word }) => word === "stop")?.can).toBe(true);
  expect(found.at(-1)).toMatchObject({ word: "levitate", can: true });
});

test("limits are told in units that people use, and those that are missing stay visible", () => {
  const facts = limitFacts({ max_gradients: [25, 25, 22.5], rf_dead_time: 0.0001 });
  const of = (name: string) => facts.find((fact) => fact.name === name)?.value;
  expect(of("Gradient, x y z")).toBe("25  25  22.5\u202fmT/m");
  expect(of("RF dead time")).toBe("100\u202fµs");
  expect(of("Scan")).toBeNull();
  expect(limitFacts(null).every(({ value }) => value === null)).toBe(true);
});

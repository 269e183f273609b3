import { expect, test } from "vitest";

import type { SequenceFacts } from "../../api/library";
import { aDevice } from "../../testing/builders";
import { beyond, keyFacts, loadFacts, nameOfFile, tagsOf, verdicts } from "./sequence";

const facts: SequenceFacts = {
  pulseq_version: "1.4.2",
  duration_s: 75,
  num_blocks: 640,
  num_readouts: 128,
  definitions: {},
  notes: [],
  echo_time_s: 0.005,
  field_of_view_m: [0.256, 0.256, 0.005],
  peak_gradient_mt_per_m: { x: 10, y: 5, z: 2, vector: 11.4 },
  peak_b1_ut: 12,
};

test("what is known of a sequence is told in units that people use", () => {
  expect(keyFacts(facts)).toContainEqual(["Scan time", "1:15"]);
  expect(keyFacts(facts)).toContainEqual(["TE", "5\u202fms"]);
  expect(keyFacts(facts)).toContainEqual(["Field of view", "256 × 256 × 5\u202fmm"]);
  expect(keyFacts(facts).map(([name]) => name)).not.toContain("TI");
  expect(loadFacts(facts)).toEqual([
    ["Peak gradient", "11.4\u202fmT/m"],
    ["Peak B1", "12\u202fµT"],
  ]);
});

test("a sequence that asks for more than a device can do is told with both numbers", () => {
  expect(beyond(facts, { max_gradients: [8, 8, 8], max_rf_amplitude: 20 })).toEqual([
    { name: "Gradient x", asked: "10\u202fmT/m", limit: "8\u202fmT/m" },
  ]);
  const [silent] = verdicts(facts, [aDevice({ system_limits: null })]);
  expect(silent?.beyond).toBeNull();
});

test("a file names its sequence, and tags are told apart by commas", () => {
  expect(nameOfFile("gre_128.SEQ")).toBe("gre_128");
  expect(tagsOf(" head,  fast ,,")).toEqual(["head", "fast"]);
});

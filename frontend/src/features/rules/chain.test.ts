import { expect, test } from "vitest";

import {
  gateAt,
  settingsAt,
  told,
  withGate,
  withModule,
  withMoved,
  withoutModule,
  withSettings,
} from "./chain";
import { NO_REVIEW_YET } from "./review";

const same = { processing_module: ["a", "b"], processing_settings: { kernel: 3 } };
const each = { processing_module: ["a", "b"], processing_settings: [{ kernel: 3 }, { level: 1 }] };

test("settings of one module go with it", () => {
  expect(withMoved(each, 0, 1)).toEqual({
    processing_module: ["b", "a"],
    processing_settings: [{ level: 1 }, { kernel: 3 }],
  });
  expect(withMoved(each, 0, -1)).toBe(each);
  expect(withoutModule(each, 0)).toEqual({
    processing_module: ["b"],
    processing_settings: [{ level: 1 }],
  });
  expect(withModule(each, "c").processing_settings).toEqual([{ kernel: 3 }, { level: 1 }, {}]);
});

test("settings for all stay as they are, whatever the modules", () => {
  expect(withModule(same, "c").processing_settings).toEqual({ kernel: 3 });
  expect(withMoved(same, 1, -1)).toEqual({ ...same, processing_module: ["b", "a"] });
  expect(settingsAt(same, 1)).toEqual({ kernel: 3 });
});

test("one for each begins with what was said to all, and back nothing is lost", () => {
  const apart = told(same, true);
  expect(apart.processing_settings).toEqual([{ kernel: 3 }, { kernel: 3 }]);
  expect(told(each, false).processing_settings).toEqual({ kernel: 3, level: 1 });
  expect(told(same, false)).toBe(same);
});

test("a gate goes with the module before it, and none stands behind the last one", () => {
  const gated = withGate({ ...same, processing_module: ["a", "b", "c"] }, 1, NO_REVIEW_YET);
  expect(gateAt(gated, 1)).toEqual({ ...NO_REVIEW_YET, after: 2 });
  expect(gateAt(gated, 0)).toBeNull();
  expect(withMoved(gated, 1, -1).processing_gates).toEqual([{ ...NO_REVIEW_YET, after: 1 }]);
  expect(withoutModule(gated, 0).processing_gates).toEqual([{ ...NO_REVIEW_YET, after: 1 }]);
  expect(withoutModule(gated, 2).processing_gates).toEqual([]);
  expect(withModule(gated, "d").processing_gates).toEqual(gated.processing_gates);
  expect(told(gated, true).processing_gates).toEqual(gated.processing_gates);
  expect(withGate(gated, 1, null).processing_gates).toEqual([]);
});

test("a list that is too short says nothing to the modules behind it", () => {
  const short = { processing_module: ["a", "b"], processing_settings: [{ kernel: 3 }] };
  expect(settingsAt(short, 1)).toEqual({});
  expect(withSettings(short, 1, { level: 2 }).processing_settings).toEqual([
    { kernel: 3 },
    { level: 2 },
  ]);
});

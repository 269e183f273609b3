import { expect, test } from "vitest";

import { settingsAt, told, withModule, withMoved, withoutModule, withSettings } from "./chain";

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

test("a list that is too short says nothing to the modules behind it", () => {
  const short = { processing_module: ["a", "b"], processing_settings: [{ kernel: 3 }] };
  expect(settingsAt(short, 1)).toEqual({});
  expect(withSettings(short, 1, { level: 2 }).processing_settings).toEqual([
    { kernel: 3 },
    { level: 2 },
  ]);
});

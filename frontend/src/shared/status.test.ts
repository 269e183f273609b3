import { expect, test } from "vitest";

import { DEVICE_STATUS, ITEM_STATUS, workStatus } from "./status";

test("every status is told apart by its word, not by colour alone", () => {
  for (const looks of [Object.values(DEVICE_STATUS), Object.values(ITEM_STATUS)]) {
    const byWord = new Map(looks.map((look) => [look.word, look]));
    const icons = [...byWord.values()].map((look) => look.icon);
    expect(new Set(icons).size).toBe(byWord.size);
  }
});

test("planned tasks read the same whether new or edited", () => {
  expect(ITEM_STATUS.NEW.word).toBe(ITEM_STATUS.UPDATED.word);
});

test("a state of work that this version does not know is shown by its own word", () => {
  expect(workStatus("archived").word).toBe("archived");
  expect(workStatus("FAILED").word).toBe("Failed");
});

import { expect, test } from "vitest";

import { anEvent } from "../../testing/builders";
import { detailOf, kindOf, nameOf, verbOf } from "./change";

test("a change is told by its kind, its name and what became of it", () => {
  const event = anEvent("rule.updated", { name: "MR to PACS", version: 3, comment: "slower" });
  expect([kindOf(event), nameOf(event), verbOf(event)]).toEqual(["rule", "MR to PACS", "changed"]);
  expect(detailOf(event)).toBe("version 3: slower");
  expect(detailOf(anEvent("rule.reordered", {}))).toBe("");
});

import { expect, test } from "vitest";

import { anEvent } from "../../testing/builders";
import { detailOf, isOfKind, kindOf, movedIn, nameOf, orderAgain, orderOf, verbOf } from "./change";

test("a change is told by its kind, its name and what became of it", () => {
  const event = anEvent("rule.updated", { name: "MR to PACS", version: 3, comment: "slower" });
  expect([kindOf(event), nameOf(event), verbOf(event)]).toEqual(["rule", "MR to PACS", "changed"]);
  expect(detailOf(event)).toBe("version 3: slower");
  expect(detailOf(anEvent("rule.reordered", {}))).toBe("");
});

test("notifications are a part of rules, and what was changed is told where nobody said why", () => {
  const told = anEvent("rule.updated", { version: 2, changed: ["notification_email", "target"] });
  expect(detailOf(told)).toBe("version 2: E-mail to, Targets");
  expect(isOfKind(told, "notification")).toBe(true);
  const other = anEvent("rule.updated", { changed: ["target"] });
  expect([isOfKind(other, "notification"), isOfKind(other, null)]).toEqual([false, true]);
  const set = anEvent("settings.changed", { changed: ["A", "B", "C", "D", "E"] });
  expect([kindOf(set), detailOf(set)]).toEqual(["settings", "A, B, C, and 2 more"]);
});

test("nothing is called by its id that has a name", () => {
  const schema = anEvent("device.schema_changed", { device_type: "low-field", removed: false });
  expect([nameOf(schema), verbOf(schema)]).toEqual(["low-field", "schema of parameters changed"]);
  const gone = anEvent("device.schema_changed", { device_type: "low-field", removed: true });
  expect(verbOf(gone)).toBe("schema removed");
  const parameters = anEvent("device.parameter_changed", { version: 2 });
  expect(nameOf(parameters, [{ id: parameters.subject, name: "Bore 1" }])).toBe("Bore 1");
});

test("an order of before is that of the rules which are left, and new ones come last", () => {
  const event = anEvent("rule.reordered", { before: ["a", "b", "c"], after: ["c", "b", "a"] });
  const before = orderOf(event, "before");
  expect(before).toEqual(["a", "b", "c"]);
  expect(orderOf(anEvent("rule.reordered", {}), "after")).toEqual([]);
  expect(orderAgain(before, ["c", "new", "a"])).toEqual(["a", "c", "new"]);
  expect(nameOf(event)).toBe("order");
  expect([...movedIn(before, orderOf(event, "after"))]).toEqual(["c", "a"]);
});

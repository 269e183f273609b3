import { expect, test } from "vitest";

import { auditQuery } from "./people";

test("the last day of a search counts whole, and a plain name is that of a user", () => {
  const asked = auditQuery({ actor: "ada", from: "2026-11-20", to: "2026-11-20" });
  expect(asked.actor).toBe("user:ada");
  const day = Date.parse(asked.to ?? "") - Date.parse(asked.from ?? "");
  expect(day).toBe(24 * 3600 * 1000);
  expect(auditQuery({ actor: "device:d1" })).toEqual({ actor: "device:d1" });
});

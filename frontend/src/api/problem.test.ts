import { expect, test } from "vitest";

import { endsSession, problemFrom } from "./problem";

test("only an invalid token ends the session", () => {
  const invalid = problemFrom(401, { type: "/problems/token-invalid", detail: "expired" }, null);
  const hiccup = problemFrom(401, "<html>gateway</html>", null);
  const anonymous = problemFrom(401, { type: "/problems/unauthenticated" }, null);
  const forbidden = problemFrom(403, { type: "/problems/token-invalid" }, null);
  expect([invalid, hiccup, anonymous, forbidden].map(endsSession)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("a refusal keeps every reason and the correlation id", () => {
  const problem = problemFrom(
    422,
    { type: "/problems/unprocessable", detail: "Refused.", reasons: ["a", { detail: "b" }] },
    "c-1",
  );
  expect(problem).toMatchObject({ detail: "Refused.", reasons: ["a", "b"], correlationId: "c-1" });
});

test("a validation error without detail names its fields", () => {
  const problem = problemFrom(422, { errors: [{ pointer: "/weight", detail: "too big" }] }, null);
  expect(problem.message).toBe("/weight: too big");
});

test("a body that is no problem document still says something", () => {
  expect(problemFrom(502, undefined, null)).toMatchObject({
    title: "Error 502",
    message: "Error 502",
  });
});

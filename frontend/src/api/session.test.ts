import { expect, test } from "vitest";

import { authorizationHeader, sessionStore } from "./session";

test("the authorization header is that of the present session, never of an earlier one", () => {
  const user = {
    username: "t",
    first_name: "T",
    last_name: "D",
    role: "medical",
    token_type: "bearer",
    must_change_password: false,
  } as const;
  sessionStore.begin({ ...user, access_token: "first" });
  sessionStore.end(null);
  expect(authorizationHeader()).toEqual({});
  sessionStore.begin({ ...user, access_token: "second" });
  expect(authorizationHeader()).toEqual({ Authorization: "Bearer second" });
});

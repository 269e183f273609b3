import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components as exam } from "./exam-manager";
import { pagesOf } from "./pages";
import type { User } from "./types";

/** Users, their logins, and what they did. */

type Schemas = exam["schemas"];
export type Role = User["role"];
export type Login = Schemas["SessionOut"];
export type AuditEntry = Schemas["AuditEntryOut"];

// --- users -----------------------------------------------------------------------------------

export const listUsers = () => answer(client.GET("/api/v1/userlogin/getallusers"));

/** What a person enters about a user. */
export interface UserWords {
  username: string;
  first_name: string;
  last_name: string;
  email: string | null;
  role: Role;
  must_change_password: boolean;
}
/** The wire model carries the new password in access_token. */
export const createUser = (words: UserWords, password: string) =>
  answer(
    client.POST("/api/v1/userlogin/createuser", {
      body: { ...words, access_token: password, token_type: "password" },
    }),
  );
/** Refused (412) unless `version` is the one that was read; another role ends all logins. */
export const updateUser = (words: UserWords, version: number) =>
  answer(
    client.PUT("/api/v1/userlogin/updateuser", {
      params: { header: { "If-Match": `"${version}"` } },
      body: { ...words, access_token: "", token_type: "" },
    }),
  );
export const deleteUser = (username_to_delete: string) =>
  answer(
    client.DELETE("/api/v1/userlogin/deleteuser", { params: { query: { username_to_delete } } }),
  );
export const unlockUser = (username: string) =>
  answer(client.POST("/api/v1/userlogin/unlockuser", { params: { query: { username } } }));
/** Sets somebody's password; the administrator vouches with their own. */
export const resetPassword = (username: string, own: string, password: string) =>
  answer(
    client.PUT("/api/v1/userlogin/changepassword", {
      body: {
        password_of_requester: own,
        username_to_change_password_for: username,
        newpassword: password,
        must_change_password: true,
      },
    }),
  );

// --- logins ----------------------------------------------------------------------------------

export const LOGINS_PER_PAGE = 200;
/** Newest first: of everybody, of one user, or one's own. */
export const listLogins = (of: { everybody: true } | { username: string } | null, after?: string) =>
  answer(
    client.GET("/api/v1/userlogin/sessions", {
      params: { query: { ...of, limit: LOGINS_PER_PAGE, ...(after && { after }) } },
    }),
  );
export const endLogin = (session_id: string) =>
  answer(
    client.DELETE("/api/v1/userlogin/sessions/{session_id}", { params: { path: { session_id } } }),
  );
/** All of somebody; without a name all of one's own but this one. */
export const endLogins = (username: string | null) =>
  answer(
    client.DELETE("/api/v1/userlogin/sessions", {
      params: { query: username === null ? {} : { username } },
    }),
  );

// --- audit -----------------------------------------------------------------------------------

export interface AuditFilter {
  actor?: string;
  action?: string;
  subject?: string;
  /** Days in the time zone of the browser, `2026-11-22`. */
  from?: string;
  to?: string;
}

/** What the server is asked: moments in the place of days, the last day with all its hours. */
export function auditQuery({ actor, action, subject, from, to }: AuditFilter) {
  const who = actor && !actor.includes(":") ? `user:${actor}` : actor;
  return {
    ...(who && { actor: who }),
    ...(action && { action }),
    ...(subject && { subject }),
    ...(from && { from: startOf(from, 0) }),
    ...(to && { to: startOf(to, 1) }),
  };
}

function startOf(day: string, daysLater: number): string {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + daysLater);
  return date.toISOString();
}

export const AUDIT_PER_PAGE = 100;
export const listAudit = (filter: AuditFilter, after: string | null) =>
  answer(
    client.GET("/api/v1/userlogin/audit", {
      params: {
        query: { ...auditQuery(filter), limit: AUDIT_PER_PAGE, ...(after && { after }) },
      },
    }),
  );
export const exportAudit = (filter: AuditFilter, format: "csv" | "jsonl") => {
  const options = { params: { query: auditQuery(filter) }, parseAs: "blob" as const };
  return answer(
    format === "csv"
      ? client.GET("/api/v1/userlogin/audit.csv", options)
      : client.GET("/api/v1/userlogin/audit.jsonl", options),
  ) as Promise<unknown> as Promise<Blob>;
};

// --- queries ---------------------------------------------------------------------------------

export const peopleKeys = {
  all: ["people"] as const,
  users: ["people", "users"] as const,
  logins: ["people", "logins"] as const,
  audit: ["people", "audit"] as const,
};

export const peopleQueries = {
  users: queryOptions({ queryKey: peopleKeys.users, queryFn: listUsers }),
  everybodysLogins: pagesOf(
    [...peopleKeys.logins, "all"],
    LOGINS_PER_PAGE,
    (after) => listLogins({ everybody: true }, after ?? undefined),
    ({ id }) => id,
  ),
  loginsOf: (username: string) =>
    queryOptions({
      queryKey: [...peopleKeys.logins, "of", username],
      queryFn: () => listLogins({ username }),
    }),
  ownLogins: queryOptions({
    queryKey: [...peopleKeys.logins, "own"],
    queryFn: () => listLogins(null),
  }),
  audit: (filter: AuditFilter) =>
    pagesOf(
      [...peopleKeys.audit, filter],
      AUDIT_PER_PAGE,
      (after) => listAudit(filter, after),
      ({ id }) => id,
    ),
};

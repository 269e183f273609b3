import { IconLock, IconUserCheck, IconUserQuestion } from "@tabler/icons-react";

import type { AuditEntry, Role } from "../../api/people";
import type { User } from "../../api/types";
import { t } from "../../i18n";
import { capitalised, clock, day } from "../../shared/format";
import type { StatusLook } from "../../shared/status";

/** Users, programs they came with, and what they did, in words. Pure. */

export const ROLES: Record<Role, { word: string; about: string }> = {
  admin: { word: t("Administrator"), about: t("Everything, users and settings included") },
  medical: { word: t("Medical"), about: t("Patients, exams, scans; releases protocols") },
  scientist: { word: t("Scientist"), about: t("As medical: plans, scans and releases") },
  engineer: {
    word: t("Engineer"),
    about: t("Devices, sequences and scans; no patient data is changed"),
  },
};

const ACTIVE: StatusLook = {
  word: t("Active"),
  icon: IconUserCheck,
  color: "var(--status-done)",
};
const LOCKED: StatusLook = { word: t("Locked"), icon: IconLock, color: "var(--status-fault)" };
const NEW: StatusLook = {
  word: t("New password due"),
  icon: IconUserQuestion,
  color: "var(--status-warn)",
};

type Standing = Pick<User, "locked_until" | "must_change_password">;

export function userLook(
  { locked_until, must_change_password }: Standing,
  now: number,
): StatusLook {
  if (locked_until && Date.parse(locked_until) > now) return LOCKED;
  return must_change_password ? NEW : ACTIVE;
}

/** Unix seconds as the other times of the wire are. */
export const moment = (seconds: number | null | undefined): string | null =>
  seconds ? new Date(seconds * 1000).toISOString() : null;

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, t("Edge")],
  [/Firefox\//, t("Firefox")],
  [/Chrome\//, t("Chrome")],
  [/Safari\//, t("Safari")],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, t("Android")],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, t("Windows")],
  [/Mac OS X/, "macOS"],
  [/Linux/, t("Linux")],
];

/** What a program called itself, as a person would. */
export function programName(userAgent: string): string {
  const found = (list: [RegExp, string][]) => list.find(([sign]) => sign.test(userAgent))?.[1];
  const browser = found(BROWSERS);
  if (!browser) return userAgent.split("/")[0] || t("not told");
  const system = found(SYSTEMS);
  return system ? t("{browser} on {system}", { browser, system }) : browser;
}

const VERBS: Record<string, string> = {
  login_refused: t("login refused"),
  logged_in: t("logged in"),
  logged_out: t("logged out"),
};

/** `exam.task.finished` reads `Task finished`. */
export function actionWords(action: string): string {
  const parts = action.split(".");
  const [noun = "", ...verbs] = parts[0] === "exam" && parts.length > 2 ? parts.slice(1) : parts;
  const verb = verbs.map((part) => VERBS[part] ?? part.replaceAll("_", " ")).join(" ");
  return capitalised(`${noun.replaceAll("_", " ")} ${verb}`.trim());
}

/** `user:ada` reads `ada`; whatever is no person says what it is. */
export function actorWords(actor: string | null | undefined): string {
  if (!actor) return t("nobody");
  return actor.startsWith("user:") ? actor.slice("user:".length) : actor.replace(":", " ");
}

export interface FieldChange {
  field: string;
  before: string;
  after: string;
}

/** What an entry changed, field by field. */
export function changesOf({ changes }: AuditEntry): FieldChange[] {
  return Object.entries(changes).map(([name, value]) => {
    const pair = Array.isArray(value) && value.length === 2 ? value : [null, value];
    const field = capitalised(name.replaceAll("_", " "));
    return { field, before: words(pair[0]), after: words(pair[1]) };
  });
}

/** In a line: which fields an entry is about. */
export function summary(entry: AuditEntry): string {
  const changes = changesOf(entry);
  const [only] = changes;
  if (changes.length === 1 && only) return `${only.field}: ${only.before} → ${only.after}`;
  return changes.map(({ field }) => field).join(", ");
}

/** As the server writes a time: of whoever reads it, it is told in their own zone. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

function words(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value !== "string") return JSON.stringify(value);
  return TIME.test(value) ? `${day(value)} ${clock(value)}` : value;
}

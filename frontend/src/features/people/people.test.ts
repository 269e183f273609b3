import { expect, test } from "vitest";

import type { AuditEntry } from "../../api/people";
import { actionWords, actorWords, changesOf, programName, summary, userLook } from "./people";

const entry = (changes: AuditEntry["changes"]): AuditEntry => ({
  id: "e1",
  time: "2026-11-22T20:00:00Z",
  actor: "user:ada",
  address: "10.1.2.3",
  correlation_id: "c1",
  action: "patient.updated",
  subject_type: "patient",
  subject_id: "p1",
  exam_id: null,
  patient_id: "p1",
  changes,
});

test("an entry of the audit log is told in words", () => {
  expect(actionWords("exam.task.finished")).toBe("Task finished");
  expect(actionWords("user.login_refused")).toBe("User login refused");
  expect(actorWords("user:ada")).toBe("ada");
  expect(actorWords("device:d1")).toBe("device d1");
  expect(summary(entry({ weight: [70, 72] }))).toBe("Weight: 70 → 72");
  expect(summary(entry({ weight: [70, 72], birth_date: [null, "1980-01-01"] }))).toBe(
    "Weight, Birth date",
  );
  expect(changesOf(entry({ tasks: 3 }))).toEqual([{ field: "Tasks", before: "–", after: "3" }]);
});

test("a time is told in the zone of whoever reads it", () => {
  const [change] = changesOf(entry({ locked_until: [null, "2026-11-22T20:00:00.491420+00:00"] }));
  const there = new Date("2026-11-22T20:00:00Z").toTimeString().slice(0, 8);
  expect(change?.after).toContain(there);
  expect(change?.after).not.toContain("T20");
});

test("a program is named as a person would", () => {
  const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36";
  expect(programName(chrome)).toBe("Chrome on Linux");
  expect(programName("python-httpx/0.28")).toBe("python-httpx");
  expect(programName("")).toBe("not told");
});

test("a lock that is over locks nobody", () => {
  const until = { locked_until: "2026-11-22T20:00:00Z", must_change_password: false };
  expect(userLook(until, Date.parse("2026-11-22T19:00:00Z")).word).toBe("Locked");
  expect(userLook(until, Date.parse("2026-11-22T21:00:00Z")).word).toBe("Active");
});

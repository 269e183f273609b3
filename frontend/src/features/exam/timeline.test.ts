import { expect, test } from "vitest";

import { anEvent } from "../../testing/builders";
import { clock } from "../../shared/format";
import { timelineOf } from "./timeline";

test("a stretch of progress is one line and the newest event comes first", () => {
  const lines = timelineOf([
    anEvent(
      "exam.task.started",
      { task_type: "ACQUISITION" },
      { id: "1", actor: "user:technician" },
    ),
    anEvent("exam.task.progress", { progress: 10 }, { id: "2" }),
    anEvent("exam.task.progress", { progress: 90 }, { id: "3" }),
    anEvent("exam.task.failed", { status_reason: "Coil unplugged" }, { id: "4" }),
  ]);
  expect(lines.map(({ words, detail, fault }) => [words, detail, fault])).toEqual([
    ["Failed", "Coil unplugged", true],
    ["Progress", "90 %", false],
    ["Claimed for the scanner", "by technician", false],
  ]);
});

test("a job is claimed for the job, and its progress is told once", () => {
  const at = (second: number) => ({ id: `${second}`, time: `2026-11-21T08:00:0${second}Z` });
  const lines = timelineOf([
    anEvent("exam.task.started", { task_type: "DAG" }, at(1)),
    anEvent("run.started", {}, at(2)),
    anEvent("exam.task.progress", { progress: 5, status_reason: "Reading" }, at(3)),
    anEvent("run.progress", { progress: 10 }, at(4)),
    anEvent("exam.task.progress", { progress: 10, status_reason: "128 readouts read" }, at(5)),
  ]);
  expect(lines.map(({ words, detail }) => [words, detail])).toEqual([
    ["Progress", "10 % · 128 readouts read"],
    ["Job started", ""],
    ["Claimed for the job", ""],
  ]);
});

test("an event of a later version is shown by its own name", () => {
  expect(timelineOf([anEvent("task.reordered.twice")])[0]?.words).toBe("Task reordered twice");
});

test("events of two services stand in the order of their time, and a person is named once", () => {
  const lines = timelineOf([
    anEvent("exam.task.canceled", {}, { id: "late", time: "2026-11-21T08:00:02Z" }),
    anEvent(
      "acquisition.stopped",
      { reason: "stopped by user:technician" },
      { id: "early", time: "2026-11-21T08:00:01Z", actor: "user:technician" },
    ),
  ]);
  expect(lines.map(({ id, detail }) => [id, detail])).toEqual([
    ["late", ""],
    ["early", "by technician"],
  ]);
});

test("previews make no line, and a scan without one has no fault", () => {
  const lines = timelineOf([
    anEvent("preview.ready", { number: 1 }),
    anEvent("preview.failed", { reason: "The data are radial" }),
  ]);
  expect(lines.map(({ words, detail, fault }) => [words, detail, fault])).toEqual([
    ["No preview", "The data are radial", false],
  ]);
});

test("a review tells who decided, and no line says that it waits for one when it is over", () => {
  const waits = "Waits for a review by somebody whose role is medical.";
  const told = (state: string) => ({ state, role: "medical", decided_by: "user:ada" });
  const lines = timelineOf([
    anEvent("run.waiting", { waits_for: waits, review: told("waiting") }, { id: "1" }),
    anEvent("run.queued", { review: told("approved") }, { id: "2", actor: "user:ada" }),
    anEvent("processing.review", { reason: waits, review: "waiting" }, { id: "3" }),
    anEvent(
      "processing.reviewed",
      { reason: waits, review: "rejected" },
      { id: "4", actor: "user:ada" },
    ),
    anEvent("processing.reviewed", { review: "approved", decided_by: "deadline" }, { id: "5" }),
  ]);
  expect(lines.toReversed().map(({ words, detail }) => [words, detail])).toEqual([
    ["Waits for a review", ""],
    ["Job queued", "approved by ada"],
    ["Waits for a review", "by somebody whose role is medical."],
    ["Rejected", "by ada"],
    ["Approved", "nobody decided in time"],
  ]);
});

test("times in sentences of the server are those of the clock on the wall", () => {
  const at = "2026-07-01T09:00:00Z";
  const reason = "Module smooth, since 08:00:00 UTC.";
  const [line] = timelineOf([anEvent("processing.step", { reason }, { time: at })]);
  expect(line?.detail).toBe(`Module smooth, since ${clock("2026-07-01T08:00:00Z")}.`);
});

import { expect, test } from "vitest";

import { anEvent } from "../../testing/builders";
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

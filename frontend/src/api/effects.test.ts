import { QueryObserver } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";

import { aDevice, anEvent, anExam, aTask } from "../testing/builders";
import { applyEffects, type Effect, effectsOf } from "./effects";
import { imageKeys } from "./imageQueries";
import { keys, makeQueryClient } from "./queries";
import type { Device, Exam, JournalEvent } from "./types";

const refetched = (effects: Effect[]) =>
  effects.filter((effect) => effect.kind === "refetch").map((effect) => effect.key);

test("a run of modules changes its case", () => {
  const effects = effectsOf(anEvent("processing.step", { case_id: "1" }));
  expect(effects).toContainEqual({ kind: "refetch-soon", key: imageKeys.cases });
});

test("what somebody draws is read again by all who look at the series", () => {
  const event = anEvent("annotation.updated", { series_instance_uid: "1.2.3" });
  expect(refetched(effectsOf(event))).toEqual([imageKeys.annotationsOf("1.2.3")]);
});

test("progress patches the task in place and fetches nothing", () => {
  const client = makeQueryClient();
  client.setQueryData(keys.exam("exam-1"), anExam([aTask(), aTask({ id: "task-2" })]));
  const event = anEvent("exam.task.progress", {
    task_id: "task-1",
    exam_id: "exam-1",
    status: "INPROGRESS",
    progress: 42,
    status_reason: null,
  });

  const effects = effectsOf(event);
  applyEffects(client, effects);

  const tasks = client.getQueryData<Exam>(keys.exam("exam-1"))?.workflows[0]?.tasks;
  expect(tasks?.[0]).toMatchObject({ status: "INPROGRESS", progress: 42 });
  expect(tasks?.[1]).toMatchObject({ status: "NEW", progress: 0 });
  expect(refetched(effects)).toEqual([]);
});

test("a finished task is patched at once and its exam and the worklist are read again", () => {
  const effects = effectsOf(
    anEvent("exam.task.finished", { task_id: "task-1", exam_id: "exam-1", status: "FINISHED" }),
  );
  expect(effects).toContainEqual({
    kind: "task",
    examId: "exam-1",
    taskId: "task-1",
    patch: { status: "FINISHED" },
  });
  expect(refetched(effects)).toEqual([keys.exam("exam-1"), keys.worklist]);
});

test("a device status is patched without a request", () => {
  const client = makeQueryClient();
  client.setQueryData(keys.devices, [aDevice(), aDevice({ id: "device-2" })]);
  const event = anEvent(
    "device.status",
    { device_id: "device-1", status: "ERROR", detail: "Too hot" },
    { subject: "device-1" },
  );
  applyEffects(client, effectsOf(event));
  const [first, second] = client.getQueryData<Device[]>(keys.devices) ?? [];
  expect(first).toMatchObject({ status: "ERROR", status_detail: "Too hot", last_seen: event.time });
  expect(second?.status).toBe("ONLINE");
});

test("an acquisition event tells the start button of its task", () => {
  const client = makeQueryClient();
  applyEffects(
    client,
    effectsOf(anEvent("acquisition.accepted", { task_id: "task-1", acquisition_id: "a-1" })),
  );
  expect(client.getQueryData(keys.acquisition("task-1"))).toMatchObject({
    acquisitionId: "a-1",
    state: "accepted",
  });
});

test("a lost scan is known with the time of its loss, and its device's scans are read again", () => {
  const client = makeQueryClient();
  const event = anEvent("acquisition.lost", {
    task_id: "task-1",
    device_id: "device-1",
    reason: "No contact",
  });
  const effects = effectsOf(event);
  applyEffects(client, effects);
  expect(client.getQueryData(keys.acquisition("task-1"))).toMatchObject({
    state: "lost",
    reason: "No contact",
    since: event.time,
  });
  expect(refetched(effects)).toEqual([keys.scansOf("device-1")]);
});

test("an event delivered twice stands once in the timeline of its task", () => {
  const client = makeQueryClient();
  client.setQueryData(keys.journal("task-1"), []);
  const effects = effectsOf(anEvent("run.failed", { task_id: "task-1" }, { subject: "run-1" }));
  applyEffects(client, effects);
  applyEffects(client, effects);
  expect(client.getQueryData<JournalEvent[]>(keys.journal("task-1"))).toHaveLength(1);
  expect(refetched(effects)).toEqual([keys.runs("task-1")]);
});

test.each([
  ["patient.updated", [keys.patient("subject-1"), keys.patients, keys.worklist]],
  ["dispatch.sent", [imageKeys.dispatch("subject-1")]],
  ["dispatch.paused", [imageKeys.pauses, ["targets"]]],
  ["dispatch.retry", [imageKeys.dispatch("subject-1")]],
  ["rule.reordered", [["rules"]]],
  ["target.updated", [["targets"], ["health"]]],
  ["notification.failed", []],
  ["selftest.progress", [["self-tests"]]],
  ["queue.paused", [["health"], ["work"]]],
  ["dicom.study.held", [["holds"]]],
  ["retrieval.progress", []],
  ["cleaner.removed", []],
  ["device.created", [keys.devices]],
  ["device.parameter_changed", [keys.devices]],
  ["device.calibrated", [keys.devices]],
  ["protocol.released", [keys.templates]],
  ["sequence.created", [keys.sequences]],
  ["result.stored", [["exam"]]],
  ["user.created", [["people", "users"]]],
])("%s reads exactly what it may have changed", (type, expected) => {
  expect(refetched(effectsOf(anEvent(type)))).toEqual(expected);
});

afterEach(() => vi.useRealTimers());

test("a list that many events change is read at once, and then at most once a second", async () => {
  vi.useFakeTimers();
  const client = makeQueryClient();
  const read = vi.spyOn(client, "invalidateQueries");
  const effects = effectsOf(anEvent("case.done", {}, { subject: "case-1" })).filter(
    (effect) => effect.kind === "refetch-soon" && effect.key === imageKeys.cases,
  );
  for (let at = 0; at < 50; at += 1) applyEffects(client, effects);
  expect(read).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(read).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(5000);
  expect(read).toHaveBeenCalledTimes(2);
  applyEffects(client, effects);
  expect(read).toHaveBeenCalledTimes(3);
  expect(read).toHaveBeenLastCalledWith({ queryKey: imageKeys.cases });
});

test("a list that takes long to read is read to its end, however much happens meanwhile", async () => {
  vi.useFakeTimers();
  const client = makeQueryClient();
  const settle: ((rows: string) => void)[] = [];
  const observer = new QueryObserver(client, {
    queryKey: imageKeys.cases,
    queryFn: () => new Promise<string>((resolve) => settle.push(resolve)),
    initialData: "old",
  });
  const leave = observer.subscribe(() => undefined);
  const effects = effectsOf(anEvent("case.done", {}, { subject: "case-1" })).filter(
    (effect) => effect.kind === "refetch-soon" && effect.key === imageKeys.cases,
  );
  for (let second = 0; second < 5; second += 1) {
    applyEffects(client, effects);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(settle).toHaveLength(1);
  settle[0]?.("first");
  await vi.advanceTimersByTimeAsync(0);
  expect(observer.getCurrentResult().data).toBe("first");
  expect(settle).toHaveLength(2);
  leave();
});

test.each([
  ["retrieval.progress", [["retrievals"]]],
  ["dicom.study.hold_lifted", [["cleaner"]]],
  ["cleaner.removed", [["cleaner"], ["archive"], ["dispatches", "one"]]],
])("%s is heard of lists that are read once a second", (type, expected) => {
  const soon = effectsOf(anEvent(type)).filter(({ kind }) => kind === "refetch-soon");
  expect(soon.map((effect) => "key" in effect && effect.key)).toEqual(expected);
});

test("what changes while it is read for the first time is read once more", async () => {
  const client = makeQueryClient();
  const settle: ((status: string) => void)[] = [];
  const read = () => new Promise<string>((resolve) => settle.push(resolve));
  const observer = new QueryObserver(client, {
    queryKey: imageKeys.dispatch("dispatch-1"),
    queryFn: read,
  });
  const leave = observer.subscribe(() => undefined);
  applyEffects(client, effectsOf(anEvent("dispatch.sent", {}, { subject: "dispatch-1" })));
  settle[0]?.("queued");
  await vi.waitFor(() => expect(settle).toHaveLength(2));
  settle[1]?.("sent");
  await vi.waitFor(() => expect(observer.getCurrentResult().data).toBe("sent"));
  leave();
});

import { expect, test } from "vitest";

import type { StopReply } from "../../api/types";
import { aDevice, aJob, anExam, aTask } from "../../testing/builders";
import { stopOutcome, stopTargets } from "./stop";

const devices = [
  aDevice(),
  aDevice({ id: "device-2", status: "BUSY" }),
  aDevice({ id: "device-3", status: "OFFLINE" }),
];

test("stop reaches the scanner of the running task, and only that", () => {
  const exam = anExam([
    aTask({ status: "INPROGRESS" }),
    aTask({ id: "task-2", device_id: "device-2" }),
  ]);
  expect(stopTargets(exam, devices)).toEqual([{ deviceId: "device-1", taskId: "task-1" }]);
});

test("when nothing seems to run, stop asks every scanner of the exam once", () => {
  const exam = anExam([aTask(), aTask({ id: "task-2" }), aJob()]);
  expect(stopTargets(exam, devices)).toEqual([{ deviceId: "device-1" }]);
});

test("without any scanner in the exam, stop asks the busy ones, else all", () => {
  const exam = anExam([aTask({ device_id: null })]);
  expect(stopTargets(exam, devices)).toEqual([{ deviceId: "device-2" }]);
  expect(stopTargets(null, [aDevice(), aDevice({ id: "device-3" })])).toHaveLength(2);
});

const reply = (changes: Partial<StopReply>): PromiseSettledResult<StopReply> => ({
  status: "fulfilled",
  value: { sent: true, confirmed: true, detail: "Stopped.", ...changes },
});

test("a stop is confirmed only when every scanner has confirmed", () => {
  expect(stopOutcome([reply({})], 1)).toMatchObject({ kind: "confirmed", detail: "Stopped." });
  expect(stopOutcome([reply({}), reply({ confirmed: false })], 1).kind).toBe("unconfirmed");
});

test("a failed request is not confirmed and says why", () => {
  const failed = { status: "rejected", reason: new Error("No answer") } as const;
  expect(stopOutcome([failed], 1)).toMatchObject({ kind: "unconfirmed", detail: "No answer" });
});

test("nothing to stop is not a confirmation", () => {
  expect(stopOutcome([], 1).kind).toBe("unconfirmed");
});

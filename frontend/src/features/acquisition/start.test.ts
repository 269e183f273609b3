import { expect, test } from "vitest";

import type { AcquisitionSeen } from "../../api/queries";
import type { Device } from "../../api/types";
import { aDevice, aJob, aPatient, aTask } from "../../testing/builders";
import { CONFIRM_WITHIN_MS, type StartFacts, startPhase, startReasons } from "./start";

const ready: StartFacts = {
  task: aTask(),
  patient: aPatient(),
  position: "HFS",
  device: aDevice(),
  stream: { kind: "live" },
  onExamPage: true,
};
const texts = (facts: Partial<StartFacts>) =>
  startReasons({ ...ready, ...facts }).map(({ text }) => text);

test("a planned scan on a ready device with weight and height may start", () => {
  expect(texts({})).toEqual([]);
});

test.each<[string, Partial<StartFacts>, string]>([
  ["weight", { patient: aPatient({ weight: 0 }) }, "Patient weight is missing"],
  ["height", { patient: aPatient({ height: 0 }) }, "Patient height is missing"],
  ["position", { position: null }, "How the patient lies is not told"],
  ["device", { task: aTask({ device_id: null }) }, "No device chosen"],
  ["deleted device", { device: null }, "The chosen device no longer exists"],
  ["sequence", { task: aTask({ sequence_id: null }) }, "No sequence chosen"],
  ["selection", { task: null }, "Select an acquisition in the queue"],
  ["job", { task: aJob() }, "Not a scan: run it from the inspector"],
  ["running", { task: aTask({ status: "INPROGRESS" }) }, "This scan is under way"],
  ["not saved", { unsaved: true }, "Changed parameters are not saved"],
  ["other page", { onExamPage: false }, "Open the exam to start a scan"],
  ["first connection", { stream: { kind: "connecting" } }, "Connecting to the live status"],
])("%s: start is disabled with the reason", (_, facts, text) => {
  expect(texts(facts)).toEqual([text]);
});

test.each<[Device["status"], string[]]>([
  ["ONLINE", []],
  ["OFFLINE", ["Low-field 1 is offline"]],
  ["BUSY", ["Low-field 1 is scanning"]],
  ["ERROR", ["Low-field 1 reports a fault: too hot"]],
])("a device that is %s gives %j", (status, expected) => {
  expect(texts({ device: aDevice({ status, status_detail: "too hot" }) })).toEqual(expected);
});

test("a stale stream disables start and says since when", () => {
  const since = new Date(2026, 10, 21, 14, 2, 11).getTime();
  expect(texts({ stream: { kind: "stale", since } })).toEqual(["Status is stale since 14:02:11"]);
});

test("all reasons are told at once, with what mends them", () => {
  const reasons = startReasons({
    ...ready,
    patient: aPatient({ weight: 0 }),
    task: aTask({ device_id: null, sequence_id: null }),
  });
  expect(reasons.map(({ fix }) => fix)).toEqual(["patient", undefined, "device"]);
});

const seen = (state: string): AcquisitionSeen => ({
  acquisitionId: "a-1",
  state,
  reason: null,
  since: null,
});
const now = 1_000_000;
const asked = (requestedAt: number) => ({ requestedAt, pending: false });

test("a start is only requested until the scanner itself has answered", () => {
  const task = aTask({ status: "STARTED" });
  expect(startPhase(task, asked(now - 100), null, now).kind).toBe("requested");
  expect(startPhase(task, asked(now - 100), seen("requested"), now).kind).toBe("requested");
  expect(startPhase(task, asked(now - 100), seen("accepted"), now).kind).toBe("accepted");
  expect(startPhase(task, asked(now - 100), seen("running"), now).kind).toBe("running");
  expect(startPhase(aTask({ status: "INPROGRESS" }), null, null, now).kind).toBe("running");
});

test("without the scanner's word for five seconds it is not confirmed", () => {
  const task = aTask({ status: "STARTED" });
  expect(startPhase(task, asked(now - CONFIRM_WITHIN_MS - 1), null, now).kind).toBe("unconfirmed");
});

test("after a reload the claim's own time counts", () => {
  const started_at = new Date(now - 60_000).toISOString();
  expect(startPhase(aTask({ status: "STARTED", started_at }), null, null, now).kind).toBe(
    "unconfirmed",
  );
});

test("nothing asked, nothing claimed: idle", () => {
  expect(startPhase(aTask(), null, null, now).kind).toBe("idle");
  expect(startPhase(null, null, null, now).kind).toBe("idle");
});

test("an attempt whose scan is over does not linger as requested", () => {
  expect(startPhase(aTask({ status: "FINISHED" }), asked(now - 100), null, now).kind).toBe("idle");
  const pending = { requestedAt: now - 100, pending: true };
  expect(startPhase(aTask(), pending, null, now).kind).toBe("requested");
});

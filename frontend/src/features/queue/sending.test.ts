import { expect, test } from "vitest";

import { type Dispatch, DISPATCHES_PER_PAGE, type Pause } from "../../api/images";
import { clock, day } from "../../shared/format";
import {
  byReason,
  dispatchLook,
  inOrder,
  lateWords,
  mayRedirect,
  mayRetry,
  takesImages,
  whyWords,
} from "./sending";

function aDispatch(changes: Partial<Dispatch> = {}): Dispatch {
  return {
    id: "dispatch-1",
    target: "PACS",
    series_instance_uid: "1.2",
    study_instance_uid: "1.1",
    task_id: null,
    exam_id: null,
    case_id: null,
    priority: "normal",
    status: "queued",
    instances: 4,
    sent: 0,
    attempt: 1,
    next_attempt_at: null,
    waits_for: null,
    error: null,
    created_at: "2026-11-22T08:00:00Z",
    ended_at: null,
    ...changes,
  } as Dispatch;
}
const ALL: Pause = {
  target: null,
  reason: "",
  paused_by: "user:ada",
  paused_at: "2026-11-22T08:00:00Z",
};

test("of a series that got images late, it is told how many were sent after the others", () => {
  const sent = aDispatch({ status: "sent", instances: 12, sent: 12 });
  expect(lateWords(sent)).toBe("");
  expect(lateWords({ ...sent, sent_before: 6 })).toBe(", 6 images late");
  expect(lateWords({ ...sent, sent_before: 11 })).toBe(", 1 image late");
});

test("the queue is in the order in which it is sent, what has ended after it", () => {
  const rows = [
    aDispatch({ id: "sent early", status: "sent", ended_at: "2026-11-22T08:01:00Z" }),
    aDispatch({ id: "sent late", status: "sent", ended_at: "2026-11-22T08:09:00Z" }),
    aDispatch({ id: "at night", priority: "offpeak", created_at: "2026-11-22T07:00:00Z" }),
    aDispatch({ id: "second", created_at: "2026-11-22T08:05:00Z" }),
    aDispatch({ id: "first", created_at: "2026-11-22T08:04:00Z" }),
    aDispatch({ id: "urgent", priority: "urgent", created_at: "2026-11-22T08:06:00Z" }),
    aDispatch({ id: "under way", status: "sending" }),
  ];
  expect(inOrder(rows).map(({ id }) => id)).toEqual([
    "under way",
    "urgent",
    "first",
    "second",
    "at night",
    "sent late",
    "sent early",
  ]);
});

test("of a long queue no row leaves its place when more are read", () => {
  const rows = Array.from({ length: DISPATCHES_PER_PAGE }, (_, at) =>
    aDispatch({ id: `${at}`, priority: at % 2 ? "urgent" : "normal" }),
  );
  expect(inOrder(rows)).toEqual(rows);
});

test("what waits for its next attempt says why the last one failed, and when", () => {
  const next = "2027-01-02T08:00:00Z";
  const waiting = aDispatch({
    status: "waiting",
    error: "4 of 4 not sent: refused.",
    next_attempt_at: next,
    waits_for: "The next attempt, at 2027-01-02T08:00:00+00:00.",
  });
  expect(whyWords(waiting)).toBe(
    `4 of 4 not sent: refused. Next attempt on ${day(next)} at ${clock(next, false)}.`,
  );
});

test("what is paused does not promise an attempt at its time", () => {
  const paused = aDispatch({
    status: "waiting",
    error: "Refused.",
    next_attempt_at: "2027-01-02T08:00:00Z",
    waits_for: "Paused by user:ada since 2026-11-22 08:00 UTC: service.",
  });
  const since = "2026-11-22T08:00:00Z";
  expect(whyWords(paused)).toBe(
    `Refused. Paused by ada since ${day(since)} ${clock(since, false)}: service.`,
  );
  expect(dispatchLook(paused, [ALL]).word).toBe("Paused");
  expect(dispatchLook(paused, [{ ...ALL, target: "other" }]).word).toBe("Will retry");
  expect(dispatchLook(aDispatch({ status: "sending" }), [ALL]).word).toBe("Sending");
});

test.each([
  ["queued", true, true],
  ["waiting", true, true],
  ["failed", true, true],
  ["canceled", true, true],
  ["sending", false, true],
  ["sent", false, false],
] as const)("%s: whether it may be sent now, or elsewhere", (status, retry, redirect) => {
  expect([mayRetry({ status }), mayRedirect({ status })]).toEqual([retry, redirect]);
});

test("images that failed for the same reason are told together", () => {
  const failures = [
    { sop_instance_uid: "1", reason: "refused" },
    { sop_instance_uid: "2", reason: "no room" },
    { sop_instance_uid: "3", reason: "refused" },
  ];
  expect(byReason(failures)).toEqual([
    { reason: "refused", uids: ["1", "3"] },
    { reason: "no room", uids: ["2"] },
  ]);
});

test("nothing is offered to a target that is off or only asked for images", () => {
  expect(takesImages({ enabled: true, direction: "both" })).toBe(true);
  expect(takesImages({ enabled: true, direction: "pull" })).toBe(false);
  expect(takesImages({ enabled: false, direction: "push" })).toBe(false);
});

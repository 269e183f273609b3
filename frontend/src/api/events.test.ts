import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { anEvent } from "../testing/builders";
import { EventStream, STALE_AFTER_MS } from "./events";
import { SILENCE_MS } from "./link";
import { onLogGrown } from "./logNews";
import { keys, makeQueryClient } from "./queries";
import type { JournalEvent } from "./types";

class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  static made: FakeEventSource[] = [];
  readyState = 0;
  constructor(readonly url: string) {
    super();
    FakeEventSource.made.push(this);
  }
  close() {
    this.readyState = 2;
  }
  say(type: string, init: MessageEventInit = {}) {
    this.dispatchEvent(new MessageEvent(type, init));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeEventSource.made = [];
  vi.stubGlobal("EventSource", FakeEventSource);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function openStream(onRefused = () => {}) {
  const client = makeQueryClient();
  const stream = new EventStream(client, onRefused);
  stream.open();
  const source = FakeEventSource.made[0];
  if (!source) throw new Error("no EventSource was made");
  return { client, stream, source };
}

test("a lost stream is reconnecting, then stale since the moment it was lost, then live again", () => {
  const { client, stream, source } = openStream();
  const refetch = vi.spyOn(client, "invalidateQueries");
  source.say("open");
  expect(stream.get()).toEqual({ kind: "live" });

  const lostAt = Date.now();
  source.say("error");
  expect(stream.get()).toEqual({ kind: "reconnecting", since: lostAt });
  vi.advanceTimersByTime(STALE_AFTER_MS);
  expect(stream.get()).toEqual({ kind: "stale", since: lostAt });

  expect(refetch).not.toHaveBeenCalled();
  source.say("open");
  expect(stream.get()).toEqual({ kind: "live" });
  expect(refetch).toHaveBeenCalledOnce();
});

test("a refused stream asks why, and comes back after the last event it has seen", () => {
  const onRefused = vi.fn();
  const { source } = openStream(onRefused);
  source.say("open");
  source.say("hello", { lastEventId: "17", data: "{}" });
  source.readyState = FakeEventSource.CLOSED;
  source.say("error");
  expect(onRefused).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(600);
  expect(FakeEventSource.made.at(-1)?.url).toBe(
    "/api/v1/workflowmanager/events?logs=true&after=17",
  );
});

test("silence after named heartbeats counts as a lost link", () => {
  const { stream, source } = openStream();
  source.say("open");
  source.say("heartbeat");
  vi.advanceTimersByTime(SILENCE_MS + 1_000);
  expect(stream.get().kind).toBe("reconnecting");
});

// --- one stream for all tabs -----------------------------------------------------------------

/** The Web Locks API as far as the stream uses it. */
class FakeLocks {
  #holder: { reject: (reason: unknown) => void } | null = null;
  #line: { options: LockOptions; run: () => void }[] = [];

  request(_name: string, options: LockOptions, callback: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const aborted = () => reject(new DOMException("aborted", "AbortError"));
      const run = () => {
        const mine = { reject };
        this.#holder = mine;
        void Promise.resolve(callback()).then((value) => {
          resolve(value);
          if (this.#holder === mine) this.#next();
        });
      };
      if (options.signal?.aborted) return aborted();
      options.signal?.addEventListener("abort", aborted);
      if (options.steal) {
        this.#holder?.reject(new DOMException("stolen", "AbortError"));
        run();
      } else if (this.#holder) this.#line.push({ options, run });
      else run();
    });
  }

  #next() {
    this.#holder = null;
    this.#line = this.#line.filter(({ options }) => !options.signal?.aborted);
    this.#line.shift()?.run();
  }
}

class FakeChannel extends EventTarget {
  static open = new Set<FakeChannel>();
  constructor(readonly name: string) {
    super();
    FakeChannel.open.add(this);
  }
  postMessage(data: unknown) {
    if (!FakeChannel.open.has(this)) return;
    for (const other of FakeChannel.open) {
      if (other !== this) other.dispatchEvent(new MessageEvent("message", { data }));
    }
  }
  close() {
    FakeChannel.open.delete(this);
  }
}

function shareStreams() {
  Object.defineProperty(navigator, "locks", { value: new FakeLocks(), configurable: true });
  FakeChannel.open.clear();
  vi.stubGlobal("BroadcastChannel", FakeChannel);
}
afterEach(() => {
  Reflect.deleteProperty(navigator, "locks");
});

const journal = (client: ReturnType<typeof makeQueryClient>) =>
  client.getQueryData<JournalEvent[]>(keys.journal("task-1"))?.map(({ id }) => id);

function openTab() {
  const client = makeQueryClient();
  client.setQueryData(keys.journal("task-1"), []);
  const stream = new EventStream(client, () => {});
  stream.open();
  return { client, stream };
}

const said = (number: number) => ({
  data: JSON.stringify(anEvent("run.started", { task_id: "task-1" }, { id: `${number}` })),
  lastEventId: `${number}`,
});
const settled = () => vi.advanceTimersByTimeAsync(0);

test("two tabs have one link, and when its tab closes the other goes on behind the last event", async () => {
  shareStreams();
  const [first, second] = [openTab(), openTab()];
  const [source] = FakeEventSource.made;
  expect(FakeEventSource.made).toHaveLength(1);
  source?.say("open");
  source?.say("hello", { lastEventId: "6", data: "{}" });
  source?.say("run.started", said(7));
  expect([journal(first.client), journal(second.client)]).toEqual([["7"], ["7"]]);
  expect(second.stream.get()).toEqual({ kind: "live" });

  first.stream.close();
  await settled();
  expect(FakeEventSource.made).toHaveLength(2);
  expect(FakeEventSource.made[1]?.url).toMatch(/&after=7$/);
  expect(second.stream.get()).toEqual({ kind: "live" });
  FakeEventSource.made[1]?.say("run.started", said(7));
  FakeEventSource.made[1]?.say("run.started", said(8));
  expect(journal(second.client)).toEqual(["7", "8"]);
  second.stream.close();
});

test("a log that grew is told to those who show it, in every tab, and any of them after a gap", () => {
  shareStreams();
  const [first, second] = [openTab(), openTab()];
  const [shown, another, ofJob] = [vi.fn(), vi.fn(), vi.fn()];
  const deaf = [
    onLogGrown({ run: "run-1", step: 2 }, shown),
    onLogGrown({ run: "run-1", step: 1 }, another),
    onLogGrown({ run: "run-1", step: null }, ofJob),
  ];
  const [source] = FakeEventSource.made;
  source?.say("open");
  source?.say("log", { data: JSON.stringify({ run_id: "run-1", step: 2, size: 80 }) });
  // The tabs of a test share one page: each hears for itself.
  expect([shown, another, ofJob].map((heard) => heard.mock.calls.length)).toEqual([2, 0, 0]);
  source?.say("error");
  source?.say("open");
  expect(ofJob).toHaveBeenCalledTimes(2);
  for (const off of deaf) off();
  source?.say("log", { data: JSON.stringify({ run_id: null, step: null, size: null }) });
  expect(ofJob).toHaveBeenCalledTimes(2);
  first.stream.close();
  second.stream.close();
});

test("a tab that joins later is told where the stream stands", () => {
  shareStreams();
  const first = openTab();
  FakeEventSource.made[0]?.say("open");
  const second = openTab();
  expect(second.stream.get()).toEqual({ kind: "live" });
  FakeEventSource.made[0]?.say("error");
  expect(second.stream.get()).toEqual(first.stream.get());
  expect(second.stream.get().kind).toBe("reconnecting");
  first.stream.close();
  second.stream.close();
});

test("a tab takes the link over from one that has gone silent, and that one steps back", async () => {
  shareStreams();
  const first = openTab();
  FakeEventSource.made[0]?.say("open");
  FakeChannel.open.clear(); // frozen: the first tab neither hears nor speaks
  const second = openTab();
  FakeChannel.open.forEach((channel) =>
    channel.dispatchEvent(new MessageEvent("message", { data: { say: "heartbeat" } })),
  );
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 1_000);
  FakeEventSource.made[0]?.say("heartbeat");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(second.stream.get().kind).toBe("reconnecting");
  expect(FakeEventSource.made).toHaveLength(2);
  expect(FakeEventSource.made[0]?.readyState).toBe(FakeEventSource.CLOSED);
  FakeEventSource.made[1]?.say("open");
  expect(second.stream.get()).toEqual({ kind: "live" });
  first.stream.close();
  second.stream.close();
});

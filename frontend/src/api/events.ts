import type { QueryClient, QueryKey } from "@tanstack/react-query";

import { type AcquisitionSeen, keys } from "./queries";
import type { Device, Exam, JournalEvent, Task } from "./types";

/**
 * The one event stream of a tab. Each journal event is turned into effects on the query cache by a
 * pure function, so that screens hear of a change within a second and nothing polls.
 */

// --- what an event changes -------------------------------------------------------------------

type TaskPatch = Partial<Pick<Task, "status" | "progress" | "status_reason">>;

export type Effect =
  | { kind: "task"; examId: string; taskId: string; patch: TaskPatch }
  | { kind: "device"; deviceId: string; patch: Partial<Device> }
  | { kind: "acquisition"; taskId: string; seen: AcquisitionSeen }
  | { kind: "journal"; subject: string; event: JournalEvent }
  | { kind: "refetch"; key: QueryKey };

const refetch = (key: QueryKey): Effect => ({ kind: "refetch", key });

export function effectsOf(event: JournalEvent): Effect[] {
  const { type, subject, data } = event;
  const taskId = str(data.task_id);
  const examId = str(data.exam_id);
  const effects: Effect[] = [{ kind: "journal", subject, event }];
  if (taskId && taskId !== subject) effects.push({ kind: "journal", subject: taskId, event });

  const family = type.split(".")[0];
  if (type.startsWith("exam.task.") || family === "task") {
    effects.push(...taskEffects(event, taskId ?? subject, examId));
  } else if (family === "exam") {
    effects.push(refetch(keys.exam(subject)), refetch(keys.worklist));
    if (type !== "exam.updated") effects.push(refetch(keys.templates));
  } else if (family === "workflow") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]), refetch(keys.templates));
  } else if (family === "result") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]));
  } else if (family === "patient") {
    effects.push(refetch(keys.patient(subject)), refetch(keys.patients), refetch(keys.worklist));
  } else if (family === "sequence") {
    effects.push(refetch(keys.sequences));
  } else if (family === "device") {
    effects.push(...deviceEffects(event));
  } else if (family === "acquisition" && taskId) {
    effects.push({ kind: "acquisition", taskId, seen: acquisitionSeen(event) });
  } else if (family === "run") {
    effects.push(refetch(taskId ? keys.runs(taskId) : ["runs"]));
  } else if (family === "dispatch") {
    effects.push(refetch(examId ? keys.dispatches(examId) : ["dispatches"]));
  }
  return effects;
}

function taskEffects({ type, data }: JournalEvent, taskId: string, examId: string | null) {
  const effects: Effect[] = [];
  const patch: TaskPatch = {};
  if (typeof data.status === "string") patch.status = data.status as Task["status"];
  if (typeof data.progress === "number") patch.progress = data.progress;
  if (data.status_reason === null || typeof data.status_reason === "string") {
    patch.status_reason = data.status_reason;
  }
  if (examId && Object.keys(patch).length > 0) {
    effects.push({ kind: "task", examId, taskId, patch });
  }
  // Progress is complete in itself; every other event may have moved fields it does not carry.
  if (type !== "exam.task.progress") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]), refetch(keys.worklist));
  }
  return effects;
}

function deviceEffects({ type, subject, time, data }: JournalEvent): Effect[] {
  if (type !== "device.status" && type !== "device.connected" && type !== "device.disconnected") {
    return [refetch(keys.devices)];
  }
  const patch: Partial<Device> = { last_seen: time };
  if (typeof data.status === "string") patch.status = data.status as Device["status"];
  if (typeof data.detail === "string" || data.detail === null) patch.status_detail = data.detail;
  const patched: Effect = { kind: "device", deviceId: str(data.device_id) ?? subject, patch };
  return type === "device.status" ? [patched] : [patched, refetch(keys.devices)];
}

function acquisitionSeen({ type, subject, data }: JournalEvent): AcquisitionSeen {
  return {
    acquisitionId: str(data.acquisition_id) ?? subject,
    state: str(data.state) ?? type.slice("acquisition.".length),
    reason: str(data.reason) ?? str(data.detail),
  };
}

function str(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

// --- the effects on the cache ----------------------------------------------------------------

const JOURNAL_KEPT = 400;

export function applyEffects(client: QueryClient, effects: Effect[]): void {
  for (const effect of effects) {
    switch (effect.kind) {
      case "task":
        client.setQueryData<Exam>(
          keys.exam(effect.examId),
          (exam) => exam && patchTask(exam, effect.taskId, effect.patch),
        );
        break;
      case "device":
        client.setQueryData<Device[]>(keys.devices, (devices) =>
          devices?.map((device) =>
            device.id === effect.deviceId ? { ...device, ...effect.patch } : device,
          ),
        );
        break;
      case "acquisition":
        client.setQueryData<AcquisitionSeen | null>(keys.acquisition(effect.taskId), effect.seen);
        break;
      case "journal":
        client.setQueryData<JournalEvent[]>(
          keys.journal(effect.subject),
          (events) => events && appendEvent(events, effect.event),
        );
        break;
      case "refetch":
        void client.invalidateQueries({ queryKey: effect.key });
        break;
    }
  }
}

export function patchTask(exam: Exam, taskId: string, patch: TaskPatch): Exam {
  return {
    ...exam,
    workflows: exam.workflows.map((workflow) =>
      workflow.tasks.some((task) => task.id === taskId)
        ? {
            ...workflow,
            tasks: workflow.tasks.map((task) =>
              task.id === taskId ? { ...task, ...patch } : task,
            ),
          }
        : workflow,
    ),
  };
}

function appendEvent(events: JournalEvent[], event: JournalEvent): JournalEvent[] {
  // The stream is at-least-once across a reconnect; the id makes a repeat harmless.
  if (events.some((known) => known.id === event.id)) return events;
  return [...events, event].slice(-JOURNAL_KEPT);
}

// --- the stream ------------------------------------------------------------------------------

export type StreamState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting"; since: number }
  | { kind: "stale"; since: number };

/** How long the link may be down before what is shown counts as stale. */
export const STALE_AFTER_MS = 8_000;
/** Where the server sends named heartbeats, silence this long means a dead link. */
const SILENCE_MS = 40_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000];

const EVENT_TYPES = [
  ...["created", "updated", "deleted"].flatMap((verb) =>
    ["exam", "workflow", "task", "patient", "sequence", "user"].map((noun) => `${noun}.${verb}`),
  ),
  ...["started", "progress", "finished", "failed", "canceled", "released", "paused"].map(
    (verb) => `exam.task.${verb}`,
  ),
  "result.stored",
  "result.deleted",
  ...["created", "updated", "deleted", "connected", "disconnected", "status"].map(
    (verb) => `device.${verb}`,
  ),
  ...["requested", "accepted", "running", "stopping", "stopped", "finished", "failed", "lost"].map(
    (verb) => `acquisition.${verb}`,
  ),
  ...["queued", "started", "progress", "succeeded", "failed", "canceled"].map(
    (verb) => `run.${verb}`,
  ),
  "dicom.series.received",
  "dicom.series.complete",
  ...["queued", "sent", "failed", "retry"].map((verb) => `dispatch.${verb}`),
];

export class EventStream {
  #client: QueryClient;
  #onRefused: () => void;
  #source: EventSource | null = null;
  #state: StreamState = { kind: "connecting" };
  #listeners = new Set<() => void>();
  #lastId: string | null = null;
  #attempt = 0;
  #downSince: number | null = null;
  #missed = false;
  #timers: { stale?: number; retry?: number; silence?: number } = {};

  /**
   * @param onRefused Asked when the server refuses the stream: an EventSource cannot tell why, so
   *   an ordinary request has to find out whether the session has ended.
   */
  constructor(client: QueryClient, onRefused: () => void) {
    this.#client = client;
    this.#onRefused = onRefused;
  }

  get = (): StreamState => this.#state;
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  open(): void {
    if (this.#source) return;
    window.addEventListener("offline", this.#onOffline);
    window.addEventListener("online", this.#reopen);
    this.#connect();
  }

  close(): void {
    window.removeEventListener("offline", this.#onOffline);
    window.removeEventListener("online", this.#reopen);
    for (const timer of Object.values(this.#timers)) window.clearTimeout(timer);
    this.#source?.close();
    this.#source = null;
    this.#lastId = null;
    this.#downSince = null;
    this.#set({ kind: "connecting" });
  }

  #connect(): void {
    // The browser resends Last-Event-ID only within one EventSource; a new one asks by ?after=.
    const after = this.#lastId ? `?after=${encodeURIComponent(this.#lastId)}` : "";
    const source = new EventSource(`/api/v1/workflowmanager/events${after}`);
    this.#source = source;
    source.addEventListener("open", this.#onLive);
    source.addEventListener("error", this.#onError);
    source.addEventListener("hello", (event) => this.#note(event));
    source.addEventListener("heartbeat", () => this.#watchSilence());
    for (const type of EVENT_TYPES) source.addEventListener(type, this.#onEvent);
    source.addEventListener("message", this.#onEvent);
  }

  #onEvent = (message: MessageEvent<string>): void => {
    this.#note(message);
    const event = JSON.parse(message.data) as JournalEvent;
    applyEffects(this.#client, effectsOf(event));
  };

  #note(message: MessageEvent): void {
    if (message.lastEventId) this.#lastId = message.lastEventId;
  }

  #onLive = (): void => {
    window.clearTimeout(this.#timers.stale);
    this.#attempt = 0;
    this.#downSince = null;
    this.#set({ kind: "live" });
    if (this.#missed) {
      // Events replay from the journal; states outside it (runs in memory, for one) are read anew.
      this.#missed = false;
      void this.#client.invalidateQueries();
    }
  };

  #onError = (): void => {
    this.#markDown();
    // A refused stream (not 200) closes for good: then reconnecting is ours.
    if (this.#source?.readyState !== EventSource.CLOSED) return;
    this.#onRefused();
    this.#retryLater();
  };

  #onOffline = (): void => this.#markDown();

  #reopen = (): void => {
    if (this.#state.kind === "live") return;
    this.#source?.close();
    this.#connect();
  };

  #retryLater(): void {
    const wait = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)];
    this.#attempt += 1;
    window.clearTimeout(this.#timers.retry);
    this.#timers.retry = window.setTimeout(this.#reopen, wait);
  }

  #watchSilence(): void {
    window.clearTimeout(this.#timers.silence);
    this.#timers.silence = window.setTimeout(() => {
      this.#markDown();
      this.#source?.close();
      this.#connect();
    }, SILENCE_MS);
  }

  #markDown(): void {
    this.#missed = true;
    if (this.#downSince !== null) return;
    const since = Date.now();
    this.#downSince = since;
    this.#set({ kind: "reconnecting", since });
    window.clearTimeout(this.#timers.stale);
    this.#timers.stale = window.setTimeout(
      () => this.#set({ kind: "stale", since }),
      STALE_AFTER_MS,
    );
  }

  #set(next: StreamState): void {
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}

import type { LogGrown } from "./logNews";
import type { JournalEvent } from "./types";

/** An EventSource hears only of what it is asked for by name. */
export const EVENT_TYPES = [
  ...["created", "updated", "deleted"].flatMap((verb) =>
    ["exam", "workflow", "task", "patient", "sequence", "user"].map((noun) => `${noun}.${verb}`),
  ),
  ...["started", "progress", "finished", "failed", "canceled", "released", "paused"].map(
    (verb) => `exam.task.${verb}`,
  ),
  ...["stored", "deleted", "downloaded", "sending", "sent", "send_failed"].map(
    (verb) => `result.${verb}`,
  ),
  ...["released", "revised", "retired", "imported"].map((verb) => `protocol.${verb}`),
  ...["created", "updated", "deleted", "connected", "disconnected", "status"].map(
    (verb) => `device.${verb}`,
  ),
  ...["parameter_changed", "schema_changed", "calibrated"].map((verb) => `device.${verb}`),
  ...[
    "requested",
    "accepted",
    "running",
    "paused",
    "stopping",
    "stopped",
    "finished",
    "failed",
    "lost",
  ].map((verb) => `acquisition.${verb}`),
  ...["queued", "waiting", "started", "progress", "succeeded", "failed", "canceled"].map(
    (verb) => `run.${verb}`,
  ),
  "run.skipped",
  "run.priority",
  "stream.started",
  "stream.ended",
  "preview.ready",
  "preview.failed",
  "dicom.series.received",
  "dicom.series.complete",
  "dicom.series.decided",
  ...["created", "updated", "deleted", "restored"].map((verb) => `annotation.${verb}`),
  "dicom.instance.conflict",
  "dicom.instance.quarantined",
  "dicom.instance.recovered",
  "dicom.study.other_patient",
  "dicom.study.held",
  "dicom.study.hold_lifted",
  "cleaner.removed",
  ...["progress", "passed", "failed"].map((verb) => `selftest.${verb}`),
  ...["opened", "waiting", "complete", "done", "failed", "discarded"].map((verb) => `case.${verb}`),
  "case.processing",
  ...["queued", "started", "step", "finished", "failed", "canceled"].map(
    (verb) => `processing.${verb}`,
  ),
  ...["review", "reviewed", "overdue", "priority"].map((verb) => `processing.${verb}`),
  ...["queued", "sent", "failed", "retry", "paused", "resumed"].map((verb) => `dispatch.${verb}`),
  ...["started", "progress", "paused", "resumed", "finished", "failed", "canceled"].map(
    (verb) => `retrieval.${verb}`,
  ),
  ...["started", "finished", "failed", "canceled"].map((verb) => `import.${verb}`),
  ...["requested", "reported", "failed"].map((verb) => `commitment.${verb}`),
  ...["created", "updated", "deleted", "reordered"].map((verb) => `rule.${verb}`),
  ...["paused", "resumed"].map((verb) => `queue.${verb}`),
  ...["drained", "resumed"].map((verb) => `worker.${verb}`),
  ...["made", "failed"].map((verb) => `backup.${verb}`),
  "settings.changed",
  ...["held", "released"].map((verb) => `session.${verb}`),
  ...["created", "updated", "deleted"].flatMap((verb) => [`target.${verb}`, `module.${verb}`]),
  ...["queued", "sent", "retry", "failed"].map((verb) => `notification.${verb}`),
];

/**
 * Silence this long means a dead link: the server says something every 15 s. With the time until
 * what is shown counts as stale it makes two heartbeats.
 */
export const SILENCE_MS = 22_000;
/** A link that has not opened by now is tried anew. */
const OPEN_WITHIN_MS = 10_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000];

export interface LinkHandlers {
  /** The number of the last event seen, to go on from. */
  after: () => string | null;
  onUp: () => void;
  /** The server says where the stream stands; it may be an earlier place than was asked for. */
  onHello: (id: string) => void;
  onHeartbeat: () => void;
  onLog: (grown: LogGrown) => void;
  onEvent: (event: JournalEvent, id: string) => void;
  onDown: () => void;
  /** The server refused the stream: an EventSource cannot tell why. */
  onRefused: () => void;
}

/** One connection to the event stream that keeps itself up. */
export class Link {
  #handlers: LinkHandlers;
  #source: EventSource | null = null;
  #attempt = 0;
  #timers: { retry?: number; silence?: number } = {};

  constructor(handlers: LinkHandlers) {
    this.#handlers = handlers;
  }

  open(): void {
    if (this.#source) return;
    window.addEventListener("offline", this.#onOffline);
    window.addEventListener("online", this.#connect);
    this.#connect();
  }

  close(): void {
    window.removeEventListener("offline", this.#onOffline);
    window.removeEventListener("online", this.#connect);
    this.#drop();
    this.#attempt = 0;
  }

  #connect = (): void => {
    this.#drop();
    // The browser resends Last-Event-ID only within one EventSource; a new one asks by ?after=.
    const after = this.#handlers.after();
    const from = after ? `&after=${encodeURIComponent(after)}` : "";
    const source = new EventSource(`/api/v1/workflowmanager/events?logs=true${from}`);
    this.#source = source;
    source.addEventListener("open", this.#onOpen);
    source.addEventListener("error", this.#onError);
    source.addEventListener("hello", this.#onHello);
    source.addEventListener("heartbeat", this.#onHeartbeat);
    source.addEventListener("log", this.#onLog);
    for (const type of EVENT_TYPES) source.addEventListener(type, this.#onEvent);
    source.addEventListener("message", this.#onEvent);
    this.#expectWithin(OPEN_WITHIN_MS);
  };

  #drop(): void {
    window.clearTimeout(this.#timers.retry);
    window.clearTimeout(this.#timers.silence);
    this.#source?.close();
    this.#source = null;
  }

  #onOpen = (): void => {
    this.#attempt = 0;
    this.#expectWithin(SILENCE_MS);
    this.#handlers.onUp();
  };

  #onHello = (message: MessageEvent<string>): void => {
    this.#expectWithin(SILENCE_MS);
    if (message.lastEventId) this.#handlers.onHello(message.lastEventId);
  };

  #onHeartbeat = (): void => {
    this.#expectWithin(SILENCE_MS);
    this.#handlers.onHeartbeat();
  };

  #onLog = (message: MessageEvent<string>): void => {
    this.#expectWithin(SILENCE_MS);
    this.#handlers.onLog(JSON.parse(message.data) as LogGrown);
  };

  #onEvent = (message: MessageEvent<string>): void => {
    this.#expectWithin(SILENCE_MS);
    this.#handlers.onEvent(JSON.parse(message.data) as JournalEvent, message.lastEventId);
  };

  #onError = (): void => {
    this.#handlers.onDown();
    // A refused stream (not 200) closes for good: then reconnecting is ours.
    if (this.#source?.readyState !== EventSource.CLOSED) {
      this.#expectWithin(OPEN_WITHIN_MS);
      return;
    }
    window.clearTimeout(this.#timers.silence);
    const wait = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)];
    this.#attempt += 1;
    window.clearTimeout(this.#timers.retry);
    this.#timers.retry = window.setTimeout(this.#connect, wait);
    this.#handlers.onRefused();
  };

  #onOffline = (): void => this.#handlers.onDown();

  /** A link can be half open: then no error ever comes, only silence. */
  #expectWithin(milliseconds: number): void {
    window.clearTimeout(this.#timers.silence);
    this.#timers.silence = window.setTimeout(() => {
      this.#handlers.onDown();
      this.#connect();
    }, milliseconds);
  }
}

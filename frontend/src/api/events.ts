import type { QueryClient } from "@tanstack/react-query";

import { applyEffects, effectsOf } from "./effects";
import { Link, SILENCE_MS } from "./link";
import { ANY_LOG, type LogGrown, tellLogGrown } from "./logNews";
import { routingKeys } from "./routingQueries";
import type { JournalEvent } from "./types";

/**
 * The event stream, one for all tabs of a browser: HTTP/1.1 leaves six connections to a server, and
 * each stream keeps one. The tab that holds the lock has the link and passes on what it hears; when
 * it goes, the next one in line takes over behind the last event.
 */

export type StreamState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting"; since: number }
  | { kind: "stale"; since: number };

/** How long the link may be down before what is shown counts as stale. */
export const STALE_AFTER_MS = 8_000;
const NAME = "scanhub-events";

type Word =
  | { say: "ask" }
  | { say: "up"; lastId: string | null }
  | { say: "down"; since: number; hidden: boolean }
  | { say: "heartbeat" }
  | { say: "log"; grown: LogGrown }
  | { say: "event"; id: string; event: JournalEvent };

export class EventStream {
  #client: QueryClient;
  #link: Link;
  #state: StreamState = { kind: "connecting" };
  #listeners = new Set<() => void>();
  #lastId: string | null = null;
  #missed = false;
  #leading = false;
  #channel: BroadcastChannel | null = null;
  #closing: AbortController | null = null;
  #timers: { stale?: number; silence?: number } = {};

  /**
   * @param onRefused Asked when the server refuses the stream: an EventSource cannot tell why, so
   *   an ordinary request has to find out whether the session has ended.
   */
  constructor(client: QueryClient, onRefused: () => void) {
    this.#client = client;
    this.#link = new Link({
      after: () => this.#lastId,
      onUp: () => this.#onUp(),
      onHello: (id) => {
        this.#lastId = id;
        this.#post({ say: "up", lastId: id });
      },
      onHeartbeat: () => {
        this.#post({ say: "heartbeat" });
        this.#beat();
      },
      onLog: (grown) => {
        this.#post({ say: "log", grown });
        tellLogGrown(grown);
      },
      onEvent: (event, id) => {
        this.#post({ say: "event", id, event });
        this.#take(event, id);
      },
      onDown: () => this.#onDown(),
      onRefused,
    });
  }

  get = (): StreamState => this.#state;
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  open(): void {
    if (this.#closing) return;
    this.#closing = new AbortController();
    if (!("locks" in navigator)) {
      // Plain HTTP from another host has no locks: every tab has a link of its own.
      this.#lead();
      return;
    }
    this.#channel = new BroadcastChannel(NAME);
    this.#channel.addEventListener("message", this.#onWord);
    this.#post({ say: "ask" });
    void this.#standInLine(this.#closing.signal);
  }

  close(): void {
    this.#closing?.abort();
    this.#closing = null;
    this.#resign();
    this.#channel?.close();
    this.#channel = null;
    for (const timer of Object.values(this.#timers)) window.clearTimeout(timer);
    this.#lastId = null;
    this.#missed = false;
    this.#set({ kind: "connecting" });
  }

  // --- who has the link --------------------------------------------------------------------

  async #standInLine(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.#hold(signal, { signal });
  }

  /** Lead from when the lock is ours until closing, or until another tab takes it away. */
  async #hold(closing: AbortSignal, options: LockOptions): Promise<void> {
    const untilClosed = () => {
      if (closing.aborted) return;
      this.#lead();
      return new Promise((resolve) => closing.addEventListener("abort", resolve, { once: true }));
    };
    try {
      await navigator.locks.request(NAME, options, untilClosed);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
      // A new stream may have been opened since: it is not ours to end.
      if (!closing.aborted) this.#resign();
    }
  }

  #lead(): void {
    this.#leading = true;
    window.clearTimeout(this.#timers.silence);
    this.#link.open();
  }

  #resign(): void {
    this.#leading = false;
    this.#link.close();
  }

  /** The tab with the link is frozen, or asleep in the background while the link is down. */
  #takeOver(): void {
    if (!this.#closing || this.#leading) return;
    void this.#hold(this.#closing.signal, { steal: true });
  }

  // --- what the tabs say to each other -----------------------------------------------------

  #post(word: Word): void {
    this.#channel?.postMessage(word);
  }

  #onWord = ({ data: word }: MessageEvent<Word>): void => {
    if (word.say === "ask") {
      if (this.#leading) this.#postState();
      return;
    }
    if (this.#leading) return;
    if (word.say === "event") this.#take(word.event, word.id);
    if (word.say === "heartbeat") this.#beat();
    if (word.say === "log") tellLogGrown(word.grown);
    if (word.say === "down") {
      window.clearTimeout(this.#timers.silence);
      this.#markDown(word.since);
      if (word.hidden) this.#takeOverAfter(STALE_AFTER_MS);
      return;
    }
    if (word.say === "up") {
      this.#lastId = word.lastId ?? this.#lastId;
      this.#markUp();
    }
    this.#takeOverAfter(SILENCE_MS);
  };

  #postState(): void {
    const { kind } = this.#state;
    if (kind === "live") this.#post({ say: "up", lastId: this.#lastId });
    else if (kind !== "connecting") this.#postDown(this.#state.since);
  }

  #postDown(since: number): void {
    this.#post({ say: "down", since, hidden: document.visibilityState === "hidden" });
  }

  #takeOverAfter(milliseconds: number): void {
    window.clearTimeout(this.#timers.silence);
    this.#timers.silence = window.setTimeout(() => {
      this.#markDown(Date.now());
      this.#takeOver();
    }, milliseconds);
  }

  // --- what is heard -----------------------------------------------------------------------

  #take(event: JournalEvent, id: string): void {
    // A new leader goes on behind the last event that it has; another tab may be further.
    if (id && this.#lastId && Number(id) <= Number(this.#lastId)) return;
    if (id) this.#lastId = id;
    applyEffects(this.#client, effectsOf(event));
  }

  /** How the server is has no events of its own: it is asked with each sign of life. */
  #beat(): void {
    void this.#client.invalidateQueries({ queryKey: routingKeys.health });
  }

  #onUp(): void {
    this.#markUp();
    this.#post({ say: "up", lastId: this.#lastId });
  }

  #onDown(): void {
    this.#markDown(Date.now());
    this.#postState();
  }

  #markUp(): void {
    window.clearTimeout(this.#timers.stale);
    if (this.#state.kind !== "live") this.#set({ kind: "live" });
    if (this.#missed) {
      // Events replay from the journal; states outside it (runs in memory, for one) are read anew.
      this.#missed = false;
      void this.#client.invalidateQueries();
      tellLogGrown(ANY_LOG);
    }
  }

  #markDown(since: number): void {
    this.#missed = true;
    if (this.#state.kind === "reconnecting" || this.#state.kind === "stale") return;
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

import { uploadFiles, type UploadOptions } from "../../api/imports";
import { t } from "../../i18n";
import { createStore } from "../../shared/store";

/** Files on their way to the server. Leaving the page does not end them; closing the tab does. */

export type UploadState = "waiting" | "sending" | "failed" | "canceled";

export interface Upload {
  id: string;
  name: string;
  files: number;
  bytes: number;
  /** Bytes that were sent. */
  sent: number;
  options: UploadOptions;
  state: UploadState;
  error: unknown;
}

type Send = typeof uploadFiles;

/** One after the other: together they would not be faster, and each has all of the line. */
export class Uploads {
  readonly store = createStore<Upload[]>([]);
  #files = new Map<string, File[]>();
  #running: { id: string; abort: AbortController } | null = null;
  #made = 0;
  #send: Send;
  #onSent: (() => void) | null = null;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Whoever shows what the server has of them hears when it has more. */
  set onSent(listener: (() => void) | null) {
    this.#onSent = listener;
  }

  add(files: File[], options: UploadOptions): void {
    const [first, ...others] = files;
    if (!first) return;
    const id = `upload ${(this.#made += 1)}`;
    this.#files.set(id, files);
    const upload: Upload = {
      id,
      name:
        others.length === 0
          ? first.name
          : t("{first} and {n} more", { first: first.name, n: others.length }),
      files: files.length,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      sent: 0,
      options,
      state: "waiting",
      error: null,
    };
    this.store.set([upload, ...this.store.get()]);
    this.#next();
  }

  retry(id: string): void {
    this.#change(id, { state: "waiting", error: null, sent: 0 });
    this.#next();
  }

  cancel(id: string): void {
    if (this.#running?.id === id) this.#running.abort.abort();
    else this.#change(id, { state: "canceled" });
  }

  forget(id: string): void {
    this.#files.delete(id);
    this.store.set(this.store.get().filter((upload) => upload.id !== id));
  }

  #next(): void {
    if (this.#running) return;
    const next = this.store.get().findLast(({ state }) => state === "waiting");
    if (next) void this.#run(next);
  }

  async #run({ id, bytes, options }: Upload): Promise<void> {
    const abort = new AbortController();
    this.#running = { id, abort };
    this.#change(id, { state: "sending" });
    // The body has more bytes than the files: names and boundaries.
    const onProgress = (sent: number) => this.#change(id, { sent: Math.min(sent, bytes) });
    try {
      await this.#send(this.#files.get(id) ?? [], options, onProgress, abort.signal);
      this.#onSent?.();
      // From here on the list of the server tells of it.
      this.forget(id);
    } catch (error) {
      const canceled = abort.signal.aborted;
      this.#change(id, canceled ? { state: "canceled" } : { state: "failed", error });
    }
    this.#running = null;
    this.#next();
  }

  #change(id: string, changes: Partial<Upload>): void {
    this.store.set(
      this.store.get().map((upload) => (upload.id === id ? { ...upload, ...changes } : upload)),
    );
  }
}

export const uploads = new Uploads(uploadFiles);

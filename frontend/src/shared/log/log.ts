/** What a program says, read part by part as it comes. Pure but for its memory. */

/** Behind it, the log is not what it was when it was read before: its middle is dropped. */
const DROPPED = /\n\[\.\.\. \d+ bytes are not kept \.\.\.\]\n/;

export class LogText {
  #decoder = new TextDecoder();
  #read = 0;
  #text = "";

  get text(): string {
    return this.#text;
  }

  /** From where the next part is asked for [byte]. */
  get next(): number {
    return DROPPED.test(this.#text) ? 0 : this.#read;
  }

  /** Takes a part that was asked for from `offset` on; `size` is where the log ended then. */
  add(offset: number, bytes: Uint8Array, size: number): void {
    // It was begun anew, after a crash: what was read before is gone.
    const anew = offset === 0 || size < offset;
    if (anew) {
      this.#decoder = new TextDecoder();
      this.#text = "";
      this.#read = 0;
      if (offset > 0) return;
    }
    // A letter may be cut in two between parts.
    this.#text += this.#decoder.decode(bytes, { stream: true });
    this.#read += bytes.length;
  }
}

export interface LogLine {
  /** When it came; null: it has no time. */
  time: string | null;
  text: string;
}

const STAMPED = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|\+00:00)) ?(.*)$/s;

/** The last lines, each with the time at which it came, and how many are left out before them. */
export function lastLines(text: string, most: number): { lines: LogLine[]; left: number } {
  const all = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  const kept = text === "" ? [] : all.slice(-most);
  return {
    left: text === "" ? 0 : all.length - kept.length,
    lines: kept.map((line) => {
      const found = STAMPED.exec(line);
      return { time: found?.[1] ?? null, text: clean(found?.[2] ?? line) };
    }),
  };
}

/** Without colours of terminals; of a line that was written over, what stands last. */
function clean(line: string): string {
  // oxlint-disable-next-line no-control-regex
  const plain = line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/\r+$/, "");
  return plain.slice(plain.lastIndexOf("\r") + 1);
}

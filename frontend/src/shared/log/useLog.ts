import { useEffect, useState } from "react";

import { onLogGrown } from "../../api/logNews";
import { useLatest } from "../useLatest";
import { LogText } from "./log";

/** What could not be read of a log that is still written is tried again after this long [ms]. */
const AGAIN_MS = 5000;

export type ReadLog = (offset: number) => Promise<{ bytes: Uint8Array; size: number }>;

export interface Log {
  /** Null: it was not read yet. */
  text: string | null;
  error: unknown;
}

/** A log from its beginning; while it is live, what comes is added as the event stream tells of it. */
export function useLog(read: ReadLog, live: boolean, run: string, step: number | null): Log {
  const [log, setLog] = useState<Log>({ text: null, error: null });
  const latest = useLatest(read);
  useEffect(() => {
    // Read anew once it has ended: then nothing of it is missing.
    const known = new LogText();
    let timer: number | undefined;
    let [gone, reading, more] = [false, false, false];
    const look = async () => {
      more = reading;
      if (reading) return;
      reading = true;
      window.clearTimeout(timer);
      try {
        const offset = known.next;
        const { bytes, size } = await latest.current(offset);
        if (gone) return;
        known.add(offset, bytes, size);
        more ||= offset > 0 && known.next === 0; // it was begun anew
        setLog({ text: known.text, error: null });
      } catch (error) {
        if (gone) return;
        setLog((old) => ({ ...old, error }));
        if (live) timer = window.setTimeout(() => void look(), AGAIN_MS);
      } finally {
        reading = false;
      }
      if (more) void look();
    };
    void look();
    const deafen = live ? onLogGrown({ run, step }, () => void look()) : undefined;
    return () => {
      gone = true;
      deafen?.();
      window.clearTimeout(timer);
    };
  }, [live, latest, run, step]);
  return log;
}

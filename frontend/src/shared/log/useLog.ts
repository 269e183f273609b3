import { useEffect, useState } from "react";

import { useLatest } from "../useLatest";
import { LogText } from "./log";

/** Between two looks at a log that is still written [ms]: no event tells of each line. */
const LOOK_MS = 1000;

export type ReadLog = (offset: number) => Promise<{ bytes: Uint8Array; size: number }>;

export interface Log {
  /** Null: it was not read yet. */
  text: string | null;
  error: unknown;
}

/** A log from its beginning; while it is live, what comes is added. */
export function useLog(read: ReadLog, live: boolean): Log {
  const [log, setLog] = useState<Log>({ text: null, error: null });
  const latest = useLatest(read);
  useEffect(() => {
    // Read anew once it has ended: then nothing of it is missing.
    const known = new LogText();
    let timer: number | undefined;
    let gone = false;
    const look = async () => {
      try {
        const offset = known.next;
        const { bytes, size } = await latest.current(offset);
        if (gone) return;
        known.add(offset, bytes, size);
        setLog({ text: known.text, error: null });
      } catch (error) {
        if (!gone) setLog((old) => ({ ...old, error }));
      }
      if (live && !gone) timer = window.setTimeout(() => void look(), LOOK_MS);
    };
    void look();
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, [live, latest]);
  return log;
}

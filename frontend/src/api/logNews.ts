/** Logs that have grown, as the event stream says; their text is read by who shows them. */

export interface LogGrown {
  /** Null: any log may have grown. */
  run_id: string | null;
  /** Of a run of modules; null: of a job of an exam. */
  step: number | null;
  /** Where it ends by now [byte]. */
  size: number | null;
}
/** Which log is shown. */
export type LogOf = { run: string; step: number | null };

/** Said when what was told may have been missed. */
export const ANY_LOG: LogGrown = { run_id: null, step: null, size: null };

const listeners = new Map<() => void, LogOf>();

export function onLogGrown(log: LogOf, listener: () => void): () => void {
  listeners.set(listener, log);
  return () => void listeners.delete(listener);
}

export function tellLogGrown({ run_id, step }: LogGrown): void {
  for (const [listener, log] of listeners)
    if (run_id === null || (run_id === log.run && step === log.step)) listener();
}

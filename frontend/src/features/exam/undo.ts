import { createStore, useStore } from "../../shared/store";

/** For ten seconds a person may think otherwise. */
export const UNDO_MS = 10_000;

export interface Undoable {
  id: string;
  examId: string;
  words: string;
  /** The tasks that are gone from the queue meanwhile; the first one's place shows the offer. */
  hides: string[];
  until: number;
  /** What went wrong; then the offer stays until it is closed. */
  failed: unknown;
}

interface Acts {
  undo?: () => Promise<unknown>;
  /** Done when the time is over, and not before: a page that is closed earlier leaves it undone. */
  commit?: () => Promise<unknown>;
}

const offers = createStore<Undoable[]>([]);
const acts = new Map<string, Acts & { timer: number }>();
let count = 0;

export const useUndoables = (examId: string): Undoable[] =>
  useStore(offers).filter((offer) => offer.examId === examId);

export function offerUndo(
  offer: Pick<Undoable, "examId" | "words" | "hides">,
  { undo, commit }: Acts,
): void {
  const id = `undo-${++count}`;
  const timer = window.setTimeout(() => void finish(id), UNDO_MS);
  acts.set(id, { undo, commit, timer });
  offers.set([...offers.get(), { ...offer, id, until: Date.now() + UNDO_MS, failed: null }]);
}

export const takeBack = (id: string) => end(id, acts.get(id)?.undo);
const finish = (id: string) => end(id, acts.get(id)?.commit);

export function dismissUndo(id: string): void {
  acts.delete(id);
  offers.set(offers.get().filter((offer) => offer.id !== id));
}

async function end(id: string, act: (() => Promise<unknown>) | undefined): Promise<void> {
  const known = acts.get(id);
  if (!known) return;
  window.clearTimeout(known.timer);
  known.undo = undefined;
  try {
    await act?.();
    dismissUndo(id);
  } catch (failed) {
    const tell = (offer: Undoable) => (offer.id === id ? { ...offer, hides: [], failed } : offer);
    offers.set(offers.get().map(tell));
  }
}

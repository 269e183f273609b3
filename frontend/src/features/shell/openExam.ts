import { createStore, useStore } from "../../shared/store";

/**
 * The exam the technician works on. It stays open across pages, so that its banner, its device
 * strip and STOP do too, until it is closed on purpose.
 */
export interface OpenExam {
  examId: string;
  /** The task selected in the queue. */
  taskId: string | null;
}

const KEY = "scanhub-open-exam";
const store = createStore<OpenExam | null>(remembered());

export const useOpenExam = () => useStore(store);

export function openExam(next: OpenExam): void {
  const current = store.get();
  if (current?.examId === next.examId && current.taskId === next.taskId) return;
  sessionStorage.setItem(KEY, JSON.stringify(next));
  store.set(next);
}

export function closeExam(): void {
  sessionStorage.removeItem(KEY);
  store.set(null);
}

function remembered(): OpenExam | null {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return found && typeof (found as OpenExam).examId === "string" ? (found as OpenExam) : null;
  } catch {
    return null;
  }
}

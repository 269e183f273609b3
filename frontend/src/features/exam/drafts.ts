import { isScan, type Task } from "../../api/types";
import { createStore, useStore } from "../../shared/store";
import { readScan, type ScanDraft } from "./scanDraft";

/** Changes of scans that are not saved; they stay while one looks at another task. */
export interface Kept {
  draft: ScanDraft;
  /** The version of the plan when it was first touched. */
  version: number;
}

const kept = createStore<Record<string, Kept>>({});

export const useDraft = (taskId: string): Kept | null => useStore(kept)[taskId] ?? null;

export function keepDraft(taskId: string, next: Kept | null): void {
  const { [taskId]: _, ...others } = kept.get();
  kept.set(next ? { ...others, [taskId]: next } : others);
}

/** Whether a task is shown otherwise than it would be started. */
export function useUnsaved(task: Task | null): boolean {
  const found = useDraft(task?.id ?? "");
  return task !== null && found !== null && isScan(task) && readScan(task, found.draft).changed;
}

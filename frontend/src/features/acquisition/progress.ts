import type { Task } from "../../api/types";

/** True progress in percent, or null: then it is shown as indeterminate, never invented. */
export function trueProgress(task: Pick<Task, "status" | "progress">): number | null {
  if (task.status === "FINISHED") return 100;
  if (task.status === "STARTED") return null;
  return task.progress > 0 ? Math.min(100, task.progress) : null;
}

/** From the sequence's own duration when known, else from the pace so far once that says anything. */
export function remainingSeconds(
  progress: number,
  elapsed: number | null,
  planned: number | null,
): number | null {
  if (progress >= 100) return 0;
  if (planned !== null && planned > 0) return planned * (1 - Math.max(0, progress) / 100);
  if (elapsed === null || progress < 5) return null;
  return (elapsed * (100 - progress)) / progress;
}

import { useQuery, useQueryClient } from "@tanstack/react-query";

import { triggerTask } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Task } from "../../api/types";
import { isActive } from "../../shared/status";
import { createStore, useStore } from "../../shared/store";
import { useNow } from "../../shared/useNow";
import { startPhase } from "./start";

/** Requests of this tab whose outcome the event stream has not told yet. */
interface StartAttempt {
  taskId: string;
  requestedAt: number | null;
  refusal: unknown;
}
const attempts = createStore<Record<string, StartAttempt>>({});

function note(taskId: string, change: Partial<StartAttempt>): void {
  const before = attempts.get()[taskId] ?? { taskId, requestedAt: null, refusal: null };
  attempts.set({ ...attempts.get(), [taskId]: { ...before, ...change } });
}

export function useStart(task: Task | null) {
  const client = useQueryClient();
  const taskId = task?.id ?? "";
  const attempt = useStore(attempts)[taskId];
  const seen = useQuery({ ...queries.acquisition(taskId), enabled: false }).data ?? null;
  const over = seen !== null && ["failed", "lost", "stopped", "finished"].includes(seen.state);
  const requestedAt = over ? null : (attempt?.requestedAt ?? null);
  const waiting = requestedAt !== null || task?.status === "STARTED";
  const now = useNow(waiting, 500);

  async function start(): Promise<void> {
    if (!task || isActive(task.status) || attempts.get()[task.id]?.requestedAt) return;
    client.setQueryData(keys.acquisition(task.id), null);
    note(task.id, { requestedAt: Date.now(), refusal: null });
    try {
      await triggerTask(task.id);
    } catch (refusal) {
      note(task.id, { refusal });
    } finally {
      await client.invalidateQueries({ queryKey: ["exam"] });
      window.setTimeout(
        () => note(task.id, { requestedAt: null }),
        attempts.get()[task.id]?.refusal ? 0 : SETTLE_MS,
      );
    }
  }

  return {
    start,
    phase: startPhase(task, requestedAt, seen, now),
    refusal: attempt?.refusal ?? null,
    dismiss: () => note(taskId, { refusal: null }),
  };
}

/** The claim is visible in the task long before this; then the task itself tells the phase. */
const SETTLE_MS = 15_000;

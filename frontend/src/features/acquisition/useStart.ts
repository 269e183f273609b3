import { useQuery, useQueryClient } from "@tanstack/react-query";

import { triggerTask } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { SafetyConfirmation } from "../../api/safety";
import { isScan, type Task } from "../../api/types";
import { isActive } from "../../shared/status";
import { createStore, useStore } from "../../shared/store";
import { useNow } from "../../shared/useNow";
import { type StartAttempt, startPhase } from "./start";

interface Attempt extends StartAttempt {
  refusal: unknown;
}

/** By task: what this tab has asked for. */
const attempts = createStore<Record<string, Attempt>>({});

function note(taskId: string, attempt: Attempt): void {
  attempts.set({ ...attempts.get(), [taskId]: attempt });
}

export function useStart(task: Task | null) {
  const client = useQueryClient();
  const taskId = task?.id ?? "";
  const attempt = useStore(attempts)[taskId] ?? null;
  // A job is claimed too, but no scanner has to confirm it.
  const scan = task !== null && isScan(task) ? task : null;
  const claimed = scan?.status === "STARTED";
  const seen = useQuery({ ...queries.acquisition(taskId), enabled: claimed }).data ?? null;
  const now = useNow(claimed || attempt?.pending === true, 500);

  async function start(confirmed?: SafetyConfirmation): Promise<void> {
    if (!task || isActive(task.status) || attempts.get()[task.id]?.pending) return;
    const asked = { requestedAt: Date.now(), pending: true, refusal: null };
    client.setQueryData(keys.acquisition(task.id), null);
    note(task.id, asked);
    let refusal: unknown = null;
    try {
      await triggerTask(task.id, confirmed);
    } catch (error) {
      refusal = error;
    }
    // The claim was made before the answer: with the exam read anew, the task tells the rest.
    await client.invalidateQueries({ queryKey: ["exam"] });
    note(task.id, { ...asked, pending: false, refusal });
  }

  return {
    start,
    phase: startPhase(scan, attempt, seen, now),
    refusal: attempt?.refusal ?? null,
    dismiss: () => attempt && note(taskId, { ...attempt, refusal: null }),
  };
}

import type { Worker, WorkQueue } from "../../api/runs";
import { HEALTH, OFF, PAUSED_LOOK, type StatusLook, workStatus } from "../../shared/status";

/** Queues and the processes that serve them, in words. Pure. */

export function queueLook({ paused, problem, running }: WorkQueue): StatusLook {
  if (paused) return PAUSED_LOOK;
  if (problem) return HEALTH.warning;
  return running > 0 ? workStatus("running") : { ...OFF, word: "Idle" };
}

const WORKER_STATE: Record<Worker["state"], StatusLook> = {
  running: { ...HEALTH.ok, word: "Works" },
  draining: { ...PAUSED_LOOK, word: "Drains" },
  silent: { ...HEALTH.warning, word: "Silent" },
  lost: { ...OFF, word: "Lost" },
};
export const workerLook = ({ state }: Worker): StatusLook => WORKER_STATE[state];

/** What the state of a process means, and what is to be done; empty: nothing. */
export const STATE_WORDS: Record<Worker["state"], string> = {
  running: "",
  draining: "It ends what it does, begins nothing more, and then ends itself.",
  silent: "It has its name and gives no sign: end it on its host, so that others can take over.",
  lost: "It has ended without a word; others do its work. It is shown for a day.",
};

/** `3 wait, 1 runs` */
export function loadWords({ waiting, running }: Pick<WorkQueue, "waiting" | "running">): string {
  if (waiting + running === 0) return "nothing to do";
  return [
    running > 0 && `${running} under way`,
    waiting > 0 && (waiting === 1 ? "1 waits" : `${waiting} wait`),
  ]
    .filter(Boolean)
    .join(", ");
}

/** Where what a process works on is looked at; null: nowhere by itself. */
export function placeOf(kind: string, key: string): { to: string; search: { id: string } } | null {
  const id = key.split(/[.:#/]/)[0] ?? key;
  if (kind === "run") return { to: "/runs", search: { id } };
  if (kind === "dispatch") return { to: "/queue", search: { id } };
  if (kind === "retrieval") return { to: "/retrieve", search: { id } };
  return null;
}

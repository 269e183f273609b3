import type { Worker, WorkQueue } from "../../api/runs";
import { plural, t } from "../../i18n";
import { HEALTH, OFF, PAUSED_LOOK, type StatusLook, workStatus } from "../../shared/status";

/** Queues and the processes that serve them, in words. Pure. */

export function queueLook({ paused, problem, running }: WorkQueue): StatusLook {
  if (paused) return PAUSED_LOOK;
  if (problem) return HEALTH.warning;
  return running > 0 ? workStatus("running") : { ...OFF, word: t("Idle") };
}

const WORKER_STATE: Record<Worker["state"], StatusLook> = {
  running: { ...HEALTH.ok, word: t("Works") },
  draining: { ...PAUSED_LOOK, word: t("Drains") },
  silent: { ...HEALTH.warning, word: t("Silent") },
  lost: { ...OFF, word: t("Lost") },
};
export const workerLook = ({ state }: Worker): StatusLook => WORKER_STATE[state];

/** What the state of a process means, and what is to be done; empty: nothing. */
export const STATE_WORDS: Record<Worker["state"], string> = {
  running: "",
  draining: t("It ends what it does and begins nothing more."),
  silent: t("It has its name and gives no sign: end it on its host, so that others can take over."),
  lost: t("It has ended without a word; others do its work. It is shown for a day."),
};

/** What a process that somebody drains still has to do; null: nobody drains it. */
export function drainWords({ drain, running }: Pick<Worker, "drain" | "running">): string | null {
  if (!drain) return null;
  if (running.length === 0) return t("It does nothing any more: it can be ended or started again.");
  return t("It still works on {things}, and begins nothing more.", {
    things: plural(running.length, "{n} thing", "{n} things"),
  });
}

/** `3 wait, 1 runs` */
export function loadWords({ waiting, running }: Pick<WorkQueue, "waiting" | "running">): string {
  if (waiting + running === 0) return t("nothing to do");
  return [
    running > 0 && t("{running} under way", { running }),
    waiting > 0 && plural(waiting, "{n} waits", "{n} wait"),
  ]
    .filter(Boolean)
    .join(", ");
}

/** Where what a process works on is looked at; null: nowhere by itself. */
export function placeOf(kind: string, key: string): { to: string; search: { id: string } } | null {
  const id = key.split(/[.:#/]/)[0] ?? key;
  if (kind === "run" || kind === "processing") return { to: "/runs", search: { id } };
  if (kind === "dispatch") return { to: "/queue", search: { id } };
  if (kind === "retrieval") return { to: "/retrieve", search: { id } };
  return null;
}

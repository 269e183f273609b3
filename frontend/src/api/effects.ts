import type { QueryClient, QueryKey } from "@tanstack/react-query";

import { backupsQuery } from "./backups";
import { changesKey } from "./changes";
import { imageKeys } from "./imageQueries";
import { moduleKeys } from "./moduleQueries";
import { peopleKeys } from "./people";
import { type AcquisitionSeen, keys } from "./queries";
import { routingKeys } from "./routingQueries";
import { runKeys } from "./runQueries";
import { settingsKey } from "./settings";
import type { Device, Exam, JournalEvent, Task } from "./types";
import { upkeepKeys } from "./upkeepQueries";

/**
 * Each journal event is turned into effects on the query cache by a pure function, so that screens
 * hear of a change within a second and nothing polls.
 */

// --- what an event changes -------------------------------------------------------------------

type TaskPatch = Partial<Pick<Task, "status" | "progress" | "status_reason">>;

export type Effect =
  | { kind: "task"; examId: string; taskId: string; patch: TaskPatch }
  | { kind: "device"; deviceId: string; patch: Partial<Device> }
  | { kind: "acquisition"; taskId: string; seen: AcquisitionSeen }
  | { kind: "journal"; taskId: string; event: JournalEvent }
  | { kind: "refetch"; key: QueryKey }
  /** As above, at most once a second: of lists that many events change. */
  | { kind: "refetch-soon"; key: QueryKey };

const refetch = (key: QueryKey): Effect => ({ kind: "refetch", key });
const refetchSoon = (key: QueryKey): Effect => ({ kind: "refetch-soon", key });

export function effectsOf(event: JournalEvent): Effect[] {
  const { type, subject, data } = event;
  const taskId = str(data.task_id);
  const examId = str(data.exam_id);
  const effects: Effect[] = taskId ? [{ kind: "journal", taskId, event }] : [];

  const family = type.split(".")[0];
  if (type.startsWith("exam.task.") || family === "task") {
    effects.push(...taskEffects(event, taskId ?? subject, examId));
  } else if (family === "exam") {
    effects.push(refetch(keys.exam(subject)), refetch(keys.worklist));
    if (type !== "exam.updated") effects.push(refetch(keys.templates));
  } else if (family === "protocol") {
    effects.push(refetch(keys.templates));
  } else if (family === "workflow") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]), refetch(keys.templates));
  } else if (family === "result") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]));
  } else if (family === "patient") {
    effects.push(refetch(keys.patient(subject)), refetch(keys.patients), refetch(keys.worklist));
  } else if (family === "sequence") {
    effects.push(refetch(keys.sequences));
  } else if (family === "user") {
    effects.push(refetch(peopleKeys.users));
  } else if (family === "device") {
    effects.push(...deviceEffects(event));
  } else if (family === "acquisition") {
    if (taskId) effects.push({ kind: "acquisition", taskId, seen: acquisitionSeen(event) });
    const deviceId = str(data.device_id);
    if (deviceId) effects.push(refetch(keys.scansOf(deviceId)));
  } else if (family === "run") {
    effects.push(refetch(taskId ? keys.runs(taskId) : ["runs"]), refetchSoon(runKeys.all));
  } else if (family === "dispatch" && examId) {
    effects.push(refetch(keys.dispatches(examId)));
  }
  if (family === "settings") effects.push(refetch(settingsKey), refetchSoon(changesKey));
  if (/^(rule|target|module|device)\.(?!status|connected|disconnected|calibrated)/.test(type)) {
    effects.push(refetchSoon(changesKey));
  }
  if (family === "backup") effects.push(refetch(backupsQuery.queryKey));
  if (/^(case|processing|dispatch|notification)\./.test(type)) {
    effects.push(refetchSoon(routingKeys.flow));
  }
  effects.push(...imageEffects(event), ...routingEffects(type), ...upkeepEffects(family));
  return effects;
}

/** Of cases, of what is sent, and of the archive. */
function imageEffects({ type, subject, data }: JournalEvent): Effect[] {
  if (type.startsWith("annotation.")) {
    const series = str(data.series_instance_uid);
    return [refetch(series ? imageKeys.annotationsOf(series) : imageKeys.annotations)];
  }
  if (type === "dispatch.paused" || type === "dispatch.resumed") {
    // What waits tells for what.
    return [refetch(imageKeys.pauses), refetchSoon(imageKeys.dispatches)];
  }
  if (type.startsWith("processing.")) {
    return [imageKeys.cases, runKeys.all].map(refetchSoon);
  }
  if (type.startsWith("case.")) return [refetchSoon(imageKeys.cases)];
  if (type.startsWith("dispatch.")) {
    return [
      refetchSoon(["dispatches", "list"]),
      refetch(imageKeys.dispatch(subject)),
      refetchSoon(imageKeys.cases),
    ];
  }
  if (type.startsWith("dicom.study.h")) {
    return [refetch(upkeepKeys.holds), refetchSoon(upkeepKeys.cleaner)];
  }
  if (type.startsWith("retrieval.")) return [refetchSoon(imageKeys.retrievals)];
  if (type.startsWith("commitment.")) return [refetchSoon(imageKeys.commitments)];
  if (type.startsWith("import.")) return [refetchSoon(imageKeys.imports)];
  if (type.startsWith("dicom.series.")) return [refetchSoon(imageKeys.archive)];
  if (type.startsWith("dicom.")) return [refetchSoon(imageKeys.keptAside)];
  return [];
}

/** Of rules, targets, notifications, and of sending as the list of targets tells it. */
function routingEffects(type: string): Effect[] {
  const family = type.split(".")[0];
  if (family === "rule") return [refetch(routingKeys.rules)];
  if (family === "module") return [refetch(moduleKeys.modules)];
  if (family === "target") return [refetch(routingKeys.targets), refetch(routingKeys.health)];
  if (family === "notification") return [refetchSoon(routingKeys.notifications)];
  // A rule is seen to fire; what becomes of its case is no news of the rule.
  if (type === "case.opened") return [refetchSoon(routingKeys.rules)];
  if (type === "dispatch.paused" || type === "dispatch.resumed") {
    return [refetch(routingKeys.targets)];
  }
  // A target is in trouble from its first attempt that fails until nothing waits for it any more.
  if (type === "dispatch.retry" || type === "dispatch.failed") {
    return [refetchSoon(routingKeys.waitingAnywhere), refetchSoon(routingKeys.health)];
  }
  if (type === "dispatch.sent") return [refetchSoon(routingKeys.waitingAnywhere)];
  return [];
}

/** Of self-tests and of what the cleaner takes away. */
function upkeepEffects(family: string | undefined): Effect[] {
  if (family === "selftest") return [refetch(upkeepKeys.selfTests)];
  if (family === "queue" || family === "worker")
    return [refetch(routingKeys.health), refetch(runKeys.work)];
  if (family === "session") return [refetch(runKeys.all)];
  if (family === "cleaner") {
    // What was sent tells since when its images are gone.
    return [upkeepKeys.cleaner, imageKeys.archive, ["dispatches", "one"]].map(refetchSoon);
  }
  return [];
}

function taskEffects({ type, data }: JournalEvent, taskId: string, examId: string | null) {
  const effects: Effect[] = [];
  const patch: TaskPatch = {};
  if (typeof data.status === "string") patch.status = data.status as Task["status"];
  if (typeof data.progress === "number") patch.progress = data.progress;
  if (data.status_reason === null || typeof data.status_reason === "string") {
    patch.status_reason = data.status_reason;
  }
  if (examId && Object.keys(patch).length > 0) {
    effects.push({ kind: "task", examId, taskId, patch });
  }
  // Progress is complete in itself; every other event may have moved fields it does not carry.
  if (type !== "exam.task.progress") {
    effects.push(refetch(examId ? keys.exam(examId) : ["exam"]), refetch(keys.worklist));
  }
  return effects;
}

function deviceEffects({ type, subject, time, data }: JournalEvent): Effect[] {
  if (type !== "device.status" && type !== "device.connected" && type !== "device.disconnected") {
    return [refetch(keys.devices)];
  }
  const patch: Partial<Device> = { last_seen: time };
  if (typeof data.status === "string") patch.status = data.status as Device["status"];
  if (typeof data.detail === "string" || data.detail === null) patch.status_detail = data.detail;
  const patched: Effect = { kind: "device", deviceId: str(data.device_id) ?? subject, patch };
  return type === "device.status" ? [patched] : [patched, refetch(keys.devices)];
}

function acquisitionSeen({ type, subject, time, data }: JournalEvent): AcquisitionSeen {
  return {
    acquisitionId: str(data.acquisition_id) ?? subject,
    state: str(data.state) ?? type.slice("acquisition.".length),
    reason: str(data.reason) ?? str(data.detail),
    since: time,
  };
}

function str(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

// --- the effects on the cache ----------------------------------------------------------------

const JOURNAL_KEPT = 1000;

export function applyEffects(client: QueryClient, effects: Effect[]): void {
  for (const effect of effects) {
    switch (effect.kind) {
      case "task":
        client.setQueryData<Exam>(
          keys.exam(effect.examId),
          (exam) => exam && patchTask(exam, effect.taskId, effect.patch),
        );
        break;
      case "device":
        client.setQueryData<Device[]>(keys.devices, (devices) =>
          devices?.map((device) =>
            device.id === effect.deviceId ? { ...device, ...effect.patch } : device,
          ),
        );
        break;
      case "acquisition":
        client.setQueryData<AcquisitionSeen | null>(keys.acquisition(effect.taskId), effect.seen);
        break;
      case "journal":
        client.setQueryData<JournalEvent[]>(
          keys.journal(effect.taskId),
          (events) => events && appendEvent(events, effect.event),
        );
        break;
      case "refetch":
        void invalidate(client, effect.key);
        break;
      case "refetch-soon":
        invalidateSoon(client, effect.key);
        break;
    }
  }
}

/** Reads anew what is shown of it; settles when that has come, or has failed. */
function invalidate(client: QueryClient, queryKey: QueryKey): Promise<void> {
  const firsts = client
    .getQueryCache()
    .findAll({ queryKey, fetchStatus: "fetching" })
    .filter(({ state }) => state.data === undefined);
  const read = client.invalidateQueries({ queryKey });
  // A first answer under way is not given up for another one, and may be older than the event.
  for (const { promise, queryKey: exact } of firsts) {
    const again = () => void client.invalidateQueries({ queryKey: exact, exact: true });
    void promise?.then(again, () => undefined);
  }
  return read;
}

/** Between two of the same: a list of a busy archive is not read for each series. */
const PAUSE_MS = 1000;
const waiting = new WeakMap<QueryClient, Map<string, { again: boolean }>>();

function invalidateSoon(client: QueryClient, key: QueryKey): void {
  const known = waiting.get(client) ?? new Map<string, { again: boolean }>();
  waiting.set(client, known);
  const name = JSON.stringify(key);
  const running = known.get(name);
  if (running) {
    running.again = true;
    return;
  }
  const pause = { again: false };
  known.set(name, pause);
  const over = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  // Not before it is read: what takes longer than the pause would be begun anew, and never end.
  void Promise.all([invalidate(client, key), over]).then(() => {
    known.delete(name);
    if (pause.again) invalidateSoon(client, key);
  });
}

export function patchTask(exam: Exam, taskId: string, patch: TaskPatch): Exam {
  return {
    ...exam,
    workflows: exam.workflows.map((workflow) =>
      workflow.tasks.some((task) => task.id === taskId)
        ? {
            ...workflow,
            tasks: workflow.tasks.map((task) =>
              task.id === taskId ? { ...task, ...patch } : task,
            ),
          }
        : workflow,
    ),
  };
}

function appendEvent(events: JournalEvent[], event: JournalEvent): JournalEvent[] {
  // The stream is at-least-once across a reconnect; the id makes a repeat harmless.
  if (events.some((known) => known.id === event.id)) return events;
  return [...events, event].slice(-JOURNAL_KEPT);
}

import type { QueryClient, QueryKey } from "@tanstack/react-query";

import { type AcquisitionSeen, keys } from "./queries";
import type { Device, Exam, JournalEvent, Task } from "./types";

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
  | { kind: "refetch"; key: QueryKey };

const refetch = (key: QueryKey): Effect => ({ kind: "refetch", key });

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
  } else if (family === "device") {
    effects.push(...deviceEffects(event));
  } else if (family === "acquisition") {
    if (taskId) effects.push({ kind: "acquisition", taskId, seen: acquisitionSeen(event) });
    const deviceId = str(data.device_id);
    if (deviceId) effects.push(refetch(keys.scansOf(deviceId)));
  } else if (family === "run") {
    effects.push(refetch(taskId ? keys.runs(taskId) : ["runs"]));
  } else if (family === "dispatch") {
    effects.push(refetch(examId ? keys.dispatches(examId) : ["dispatches"]));
  }
  return effects;
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
        void client.invalidateQueries({ queryKey: effect.key });
        break;
    }
  }
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

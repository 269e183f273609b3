import {
  type Exam,
  isScan,
  type Result,
  type Sequence,
  type Task,
  type Workflow,
} from "../../api/types";
import { isActive } from "../../shared/status";

/** Questions asked of an exam's tree. */

export interface Located {
  task: Task;
  workflow: Workflow;
}

export function tasksInOrder(workflow: Workflow): Task[] {
  return workflow.tasks.toSorted(
    (a, b) =>
      (a.position ?? 0) - (b.position ?? 0) || a.datetime_created.localeCompare(b.datetime_created),
  );
}

export function queueOf(exam: Exam): Located[] {
  return exam.workflows.flatMap((workflow) =>
    tasksInOrder(workflow).map((task) => ({ task, workflow })),
  );
}

/** What the technician will want next: what runs, else the first scan not done, else the first. */
export function nextUp(queue: Located[]): Located | null {
  return (
    queue.find(({ task }) => isActive(task.status)) ??
    queue.find(({ task }) => task.task_type === "ACQUISITION" && task.status !== "FINISHED") ??
    queue.at(-1) ??
    null
  );
}

/** What is selected; behind what was just deleted, the next one. */
export function selectedIn(
  queue: Located[],
  taskId: string | null,
  gone: Set<string>,
): Located | null {
  const stays = ({ task }: Located) => !gone.has(task.id);
  const at = queue.findIndex(({ task }) => task.id === taskId);
  const near = at < 0 ? null : (queue.slice(at).find(stays) ?? queue.slice(0, at).findLast(stays));
  return near ?? nextUp(queue.filter(stays));
}

export interface Series extends Located {
  result: Result;
  files: string[];
}

/** DICOM series to show for a task, newest first: its own, else of what it feeds. */
export function imagesFor(exam: Exam, taskId: string): Series[] {
  const queue = queueOf(exam);
  const own = seriesOf(queue.filter(({ task }) => task.id === taskId));
  if (own.length > 0) return own;
  const fed = fedBy(queue, taskId);
  return seriesOf(queue.filter(({ task }) => fed.has(task.id)));
}

/** All DICOM series of an exam, newest first. */
export const allSeries = (exam: Exam): Series[] => seriesOf(queueOf(exam));

function fedBy(queue: Located[], taskId: string): Set<string> {
  const found = new Set<string>();
  const open = [taskId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const { task } of queue) {
      if (!found.has(task.id) && inputsOf(task).includes(id)) {
        found.add(task.id);
        open.push(task.id);
      }
    }
  }
  return found;
}

/** Whether a scan that the images are made of was begun again after they were stored. */
export function isOfEarlierScan(exam: Exam, { task, result }: Series): boolean {
  const sources = queueOf(exam).filter(
    (other) => other.task.id === task.id || fedBy(queueOf(exam), other.task.id).has(task.id),
  );
  return sources.some(
    (source) =>
      isScan(source.task) &&
      !!source.task.started_at &&
      Date.parse(source.task.started_at) > Date.parse(result.datetime_created),
  );
}

export const inputsOf = (task: Task): string[] => (isScan(task) ? [] : task.input_task_ids);

function seriesOf(located: Located[]): Series[] {
  return located
    .flatMap(({ task, workflow }) =>
      task.results
        .filter((result) => result.type === "DICOM")
        .map((result) => ({ task, workflow, result, files: dicomFiles(result) })),
    )
    .filter(({ files }) => files.length > 0)
    .toSorted((a, b) => b.result.datetime_created.localeCompare(a.result.datetime_created));
}

/** The scans whose data a task has: itself, or those that it reads, the nearest first. */
export function scansBehind(exam: Exam, taskId: string): Located[] {
  const queue = queueOf(exam);
  const found: Located[] = [];
  const seen = new Set<string>();
  const open = [taskId];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    const located = queue.find(({ task }) => task.id === id);
    if (!located || seen.has(id)) continue;
    seen.add(id);
    if (isScan(located.task)) found.push(located);
    open.push(...inputsOf(located.task));
  }
  return found;
}

/** Results of a task with files of ISMRMRD, newest first. */
export function rawDataOf({ task, workflow }: Located): Series[] {
  return task.results
    .map((result) => ({
      task,
      workflow,
      result,
      files: result.files.filter((name) => /\.(mrd|h5)$/i.test(name)),
    }))
    .filter(({ files }) => files.length > 0)
    .toSorted((a, b) => b.result.datetime_created.localeCompare(a.result.datetime_created));
}

const natural = new Intl.Collator("en", { numeric: true });

/** `im2` before `im10`. Addresses in the metadata may name another host: only file names count. */
export function dicomFiles(result: Result): string[] {
  const named =
    result.files.length > 0
      ? result.files
      : addressesOf(result).map((url) =>
          decodeURIComponent(url.split("?")[0]?.split("/").pop() ?? ""),
        );
  return named
    .filter((name) => /\.(dcm|dicom)$/i.test(name))
    .toSorted((a, b) => natural.compare(a, b));
}

function addressesOf({ meta }: Result): string[] {
  const instances = meta?.instances;
  return Array.isArray(instances)
    ? instances.filter((url): url is string => typeof url === "string")
    : [];
}

export function sequenceOf(task: Task, sequences: Sequence[] | undefined): Sequence | null {
  if (!isScan(task)) return null;
  return sequences?.find(({ _id }) => _id === task.sequence_id) ?? null;
}

/** Seconds of scanning still to come, or null as soon as one duration is unknown. */
export function remainingQueueSeconds(
  queue: Located[],
  sequences: Sequence[] | undefined,
): number | null {
  let total = 0;
  for (const { task } of queue) {
    if (task.task_type !== "ACQUISITION") continue;
    if (["FINISHED", "CANCELED", "ERROR"].includes(task.status)) continue;
    const planned = sequenceOf(task, sequences)?.facts?.duration_s;
    if (planned == null) return null;
    total += isActive(task.status) ? planned * (1 - task.progress / 100) : planned;
  }
  return total;
}

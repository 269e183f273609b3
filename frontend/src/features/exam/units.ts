import type { Exam, Task, Workflow } from "../../api/types";
import { t } from "../../i18n";
import { isActive } from "../../shared/status";
import { inputsOf, tasksInOrder } from "./tree";

/**
 * What moves as one: a scan with the jobs behind it that read it and nothing else. What runs or is
 * done keeps its place; everything else changes places around it.
 */
export interface Unit {
  tasks: Task[];
  locked: boolean;
}

export function unitsOf(workflow: Workflow): Unit[] {
  const groups: Task[][] = [];
  for (const task of tasksInOrder(workflow)) {
    const last = groups.at(-1);
    if (last && readsOnly(task, last)) last.push(task);
    else groups.push([task]);
  }
  return groups.map((tasks) => ({ tasks, locked: tasks.some(keepsItsPlace) }));
}

const keepsItsPlace = ({ status }: Task) => isActive(status) || status === "FINISHED";

function readsOnly(task: Task, group: Task[]): boolean {
  const inputs = inputsOf(task);
  return inputs.length > 0 && inputs.every((id) => group.some((other) => other.id === id));
}

/** The order of a workflow's tasks with the unit of a task in the place of another one's. */
export function movedTo(workflow: Workflow, taskId: string, placeOf: string): string[] | null {
  const units = unitsOf(workflow);
  const free = units.filter(({ locked }) => !locked);
  const index = (id: string) => free.findIndex(({ tasks }) => tasks.some((task) => task.id === id));
  const [from, to] = [index(taskId), index(placeOf)];
  const moving = free[from];
  if (!moving || to < 0 || from === to) return null;
  const order = free.toSpliced(from, 1).toSpliced(to, 0, moving);
  let next = 0;
  return units
    .map((unit) => (unit.locked ? unit : (order[next++] ?? unit)))
    .flatMap(({ tasks }) => tasks.map(({ id }) => id));
}

/** The same, one place up or down. */
export function movedBy(workflow: Workflow, taskId: string, by: -1 | 1): string[] | null {
  const free = unitsOf(workflow).filter(({ locked }) => !locked);
  const at = free.findIndex(({ tasks }) => tasks.some(({ id }) => id === taskId));
  const neighbour = at < 0 ? undefined : free[at + by]?.tasks[0];
  return neighbour ? movedTo(workflow, taskId, neighbour.id) : null;
}

export function inOrder(workflow: Workflow, ids: string[]): Workflow {
  const place = new Map(ids.map((id, position) => [id, position]));
  const tasks = workflow.tasks.map((task) => ({
    ...task,
    position: place.get(task.id) ?? task.position ?? 0,
  }));
  return { ...workflow, tasks };
}

export interface Going {
  /** The task and the jobs that go with it, in the order in which they may be deleted. */
  tasks: Task[];
  /** What reads one of them and stays: then none can go. */
  readers: Task[];
}

/** What a deletion of a task takes along: jobs of its workflow that would have nothing to read. */
export function goingWith(exam: Exam, workflow: Workflow, task: Task): Going {
  const going = [task];
  for (let grown = true; grown;) {
    const more = workflow.tasks.filter((job) => !going.includes(job) && readsOnly(job, going));
    going.push(...more);
    grown = more.length > 0;
  }
  const ids = new Set(going.map(({ id }) => id));
  const readers = exam.workflows
    .flatMap(({ tasks }) => tasks)
    .filter((other) => !ids.has(other.id) && inputsOf(other).some((id) => ids.has(id)));
  return { tasks: going.toReversed(), readers };
}

/** Why a task cannot be deleted now, or null. */
export function keptBecause({ tasks, readers }: Going): string | null {
  if (tasks.some(({ status }) => isActive(status))) return t("It runs now: stop it first");
  const [reader] = readers;
  return reader ? t("{reader} reads it: change its input first", { reader: reader.name }) : null;
}

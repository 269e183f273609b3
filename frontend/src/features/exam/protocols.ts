import { type Exam, isScan, type Task, type Workflow } from "../../api/types";
import { containsWords } from "../worklist/worklist";
import { tasksInOrder } from "./tree";
import { unitsOf } from "./units";

/** The protocols that exams are made from: of each the newest released version, else its draft. */
export function protocolsToUse(templates: Exam[]): Exam[] {
  const best = new Map<string, Exam>();
  for (const template of templates) {
    if (template.retired_at) continue;
    const key = template.protocol_id ?? template.id;
    const known = best.get(key);
    if (!known || isBetter(template, known)) best.set(key, template);
  }
  return [...best.values()].toSorted((a, b) => a.name.localeCompare(b.name));
}

function isBetter(one: Exam, other: Exam): boolean {
  const released = Number(!!one.released_at) - Number(!!other.released_at);
  return (released || (one.protocol_version ?? 0) - (other.protocol_version ?? 0)) > 0;
}

export interface Offered {
  protocol: Exam;
  parts: { workflow: Workflow; scans: { scan: Task; jobs: Task[] }[] }[];
}

/** What can be added, as far as it fits the words: a protocol, its parts, single scans. */
export function offeredProtocols(templates: Exam[], words: string): Offered[] {
  return protocolsToUse(templates)
    .map((protocol) => ({
      protocol,
      parts: protocol.workflows
        .map((workflow) => ({ workflow, scans: scansOf(workflow) }))
        .map(({ workflow, scans }) => ({
          workflow,
          scans: scans.filter(({ scan }) =>
            containsWords([protocol.name, workflow.name, scan.name], words),
          ),
        }))
        .filter(({ scans }) => scans.length > 0),
    }))
    .filter(({ protocol, parts }) => parts.length > 0 || containsWords([protocol.name], words));
}

function scansOf(workflow: Workflow): { scan: Task; jobs: Task[] }[] {
  const units = unitsOf({ ...workflow, tasks: tasksInOrder(workflow) });
  return units.flatMap(({ tasks: [scan, ...jobs] }) =>
    scan && isScan(scan) ? [{ scan, jobs }] : [],
  );
}

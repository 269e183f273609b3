import { expect, test } from "vitest";

import type { Task, Workflow } from "../../api/types";
import { aJob, anExam, aTask } from "../../testing/builders";
import { goingWith, inOrder, keptBecause, movedBy, movedTo, unitsOf } from "./units";

const planned = (id: string, position: number, changes = {}) => aTask({ id, position, ...changes });
const job = (id: string, position: number, input_task_ids: string[]) =>
  aJob({ id, position, input_task_ids });

function workflowOf(tasks: Task[]): Workflow {
  const [workflow] = anExam(tasks).workflows;
  if (!workflow) throw new Error("no workflow");
  return workflow;
}

test("a scan moves with the jobs behind it that read nothing else", () => {
  const workflow = workflowOf([
    planned("a", 0),
    job("recon-a", 1, ["a"]),
    job("denoise-a", 2, ["recon-a"]),
    planned("b", 3),
    job("recon-b", 4, ["b"]),
    job("difference", 5, ["recon-a", "recon-b"]),
  ]);
  expect(unitsOf(workflow).map(({ tasks }) => tasks.map(({ id }) => id))).toEqual([
    ["a", "recon-a", "denoise-a"],
    ["b", "recon-b"],
    ["difference"],
  ]);
  const order = ["b", "recon-b", "a", "recon-a", "denoise-a", "difference"];
  expect(movedBy(workflow, "b", -1)).toEqual(order);
  expect(movedBy(workflow, "recon-a", 1)).toEqual(order);
  expect(movedBy(workflow, "a", -1)).toBeNull();
});

test("what runs or is done keeps its place, and the others change places around it", () => {
  const workflow = workflowOf([
    planned("a", 0),
    planned("done", 1, { status: "FINISHED" }),
    planned("running", 2, { status: "INPROGRESS" }),
    planned("b", 3),
    planned("failed", 4, { status: "ERROR" }),
  ]);
  expect(movedBy(workflow, "b", -1)).toEqual(["b", "done", "running", "a", "failed"]);
  expect(movedTo(workflow, "failed", "a")).toEqual(["failed", "done", "running", "a", "b"]);
  expect(movedTo(workflow, "running", "a")).toBeNull();
  expect(movedTo(workflow, "a", "running")).toBeNull();
});

test("a new order is one of positions", () => {
  const workflow = inOrder(workflowOf([planned("a", 0), planned("b", 1)]), ["b", "a"]);
  expect(workflow.tasks.map(({ id, position }) => [id, position])).toEqual([
    ["a", 1],
    ["b", 0],
  ]);
});

test("a scan is deleted with its own jobs, last first, and not while another task reads it", () => {
  const scan = planned("a", 0);
  const exam = anExam([scan, job("recon", 1, ["a"]), job("denoise", 2, ["recon"])]);
  const going = goingWith(exam, exam.workflows[0] as Workflow, scan);
  expect(going.tasks.map(({ id }) => id)).toEqual(["denoise", "recon", "a"]);
  expect(keptBecause(going)).toBeNull();
  const both = anExam([scan, planned("b", 1), aJob({ name: "Sum", input_task_ids: ["a", "b"] })]);
  expect(keptBecause(goingWith(both, both.workflows[0] as Workflow, scan))).toContain("Sum reads");
});

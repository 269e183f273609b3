import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import { type LogPart, logPart } from "./processing";
import type { JobTask } from "./types";
import type { components } from "./workflow-manager";

/** Jobs of exams: what there is to compute, and what each can be told. */

export type JobDefinition = components["schemas"]["JobDefinitionOut"];

export const jobsQuery = queryOptions({
  queryKey: ["jobs"],
  queryFn: () => answer(client.GET("/api/v1/workflowmanager/jobs")),
});

/** Changes which job a task runs, and what it is told. */
export const updateJob = (task: JobTask) =>
  answer(
    client.PUT("/api/v1/exam/task/{task_id}", {
      params: { path: { task_id: task.id } },
      body: task,
    }),
  );

export const cancelRun = (run_id: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/runs/{run_id}/cancel", { params: { path: { run_id } } }),
  );
/** Again on the same data, with what the task says by now. */
export const retryRun = (run_id: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/runs/{run_id}/retry", { params: { path: { run_id } } }),
  );
/** Lets a run begin that waits for a person, or ends it. */
export const reviewRun = (run_id: string, decision: "approve" | "reject", comment: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/runs/{run_id}/review", {
      params: { path: { run_id } },
      body: { decision, comment },
    }),
  );
export const runLogUrl = (run: string) =>
  `/api/v1/workflowmanager/runs/${encodeURIComponent(run)}/log`;
export async function readRunLog(run_id: string, offset: number): Promise<LogPart> {
  const { data, response } = await client.GET("/api/v1/workflowmanager/runs/{run_id}/log", {
    params: { path: { run_id }, query: { offset } },
    parseAs: "arrayBuffer",
  });
  return logPart(data, response, offset);
}

import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
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

import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components as deviceComponents } from "./device-manager";
import type { components } from "./exam-manager";
import { keys } from "./queries";
import type { AcquisitionTask, Task } from "./types";

/** Changing what an exam is to do. */

export type DuplicateTask = components["schemas"]["DuplicateTask"];

/** Refused (412) when somebody changed the plan of the task since `version` was read. */
export const planScan = (task: AcquisitionTask, version: number) =>
  answer(
    client.PUT("/api/v1/exam/task/{task_id}", {
      params: { path: { task_id: task.id }, header: { "If-Match": `"${version}"` } },
      body: task,
    }),
  );
export const reorderTasks = (task_ids: string[]) =>
  answer(client.PUT("/api/v1/exam/task/reorder", { body: { task_ids } }));
export const deleteTask = (task_id: string) =>
  answer(client.DELETE("/api/v1/exam/task/{task_id}", { params: { path: { task_id } } }));
/** The copy first, then those of the jobs that read nothing else. */
export const duplicateTask = (task_id: string, body: DuplicateTask): Promise<Task[]> =>
  answer(
    client.POST("/api/v1/exam/task/{task_id}/duplicate", { params: { path: { task_id } }, body }),
  );
export const copyWorkflow = (exam_id: string, template_id: string) =>
  answer(
    client.POST("/api/v1/exam/workflow", {
      params: { query: { exam_id, template_id, new_workflow_is_template: false } },
    }),
  );

export type SafetyDraft = Pick<
  deviceComponents["schemas"]["SafetyRequest"],
  "acquisition_parameter" | "sequence_id"
>;
/** What the safety gate would say of a plan that is not stored. */
export const draftedSafety = (
  device_id: string,
  task_id: string,
  basis: unknown,
  draft: SafetyDraft,
) =>
  queryOptions({
    queryKey: keys.safety(task_id, [basis, draft]),
    queryFn: () =>
      answer(
        client.POST("/api/v1/device/{device_id}/safety", {
          params: { path: { device_id } },
          body: { task_id, ...draft },
        }),
      ),
    gcTime: 60_000,
  });

import { answer, client } from "./client";
import type { Run } from "./types";
import type { components } from "./workflow-manager";

/** Runs of jobs in exams, what their jobs left, and the queues and processes that do the work. */

type Schemas = components["schemas"];
export type SessionValue = Schemas["SessionValueOut"];
export type SessionFile = Schemas["SessionFileOut"];
export type Session = Schemas["RunSessionOut"];
export type WorkQueue = Schemas["QueueOut"];
export type Worker = Schemas["WorkerOut"];
export type RunStatus = Run["status"];

export interface RunFilter {
  statuses: RunStatus[];
  job: string | null;
  device: string | null;
  /** The first day, as YYYY-MM-DD here. */
  since: string | null;
}

export const RUNS_PER_PAGE = 100;
/** Newest first; the next page goes on behind the last one of this. */
export const listAllRuns = ({ statuses, job, device, since }: RunFilter, after: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/runs", {
      params: {
        query: {
          limit: RUNS_PER_PAGE,
          ...(statuses.length > 0 && { status: statuses }),
          ...(job && { job_id: job }),
          ...(device && { device_id: device }),
          ...(since && { since: new Date(`${since}T00:00:00`).toISOString() }),
          ...(after && { after }),
        },
      },
    }),
  );
const ofRun = (run_id: string) => ({ params: { path: { run_id } } });
export const getRun = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs/{run_id}", ofRun(id)));
export const getSession = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/session", ofRun(id)));
export const listValues = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/data", ofRun(id)));
export const listFiles = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/session-files", ofRun(id)));
export const sessionFileUrl = (run: string, key: string) =>
  `/api/v1/workflowmanager/runs/${encodeURIComponent(run)}/session-files/${key}/file`;
export const holdSession = (id: string, hold: boolean, reason: string) =>
  answer(
    client.PUT("/api/v1/workflowmanager/runs/{run_id}/session", {
      ...ofRun(id),
      body: { hold, reason },
    }),
  );

export const listQueues = () => answer(client.GET("/api/v1/workflowmanager/queues"));
export const listWorkers = () => answer(client.GET("/api/v1/workflowmanager/workers"));
const ofQueue = (name: string) => ({ params: { path: { name } } });
export const pauseQueue = (name: string, reason: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/queues/{name}/pause", {
      ...ofQueue(name),
      body: { reason },
    }),
  );
export const resumeQueue = (name: string) =>
  answer(client.POST("/api/v1/workflowmanager/queues/{name}/resume", ofQueue(name)));

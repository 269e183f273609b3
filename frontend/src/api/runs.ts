import { answer, client } from "./client";
import { ApiError } from "./problem";
import type { JournalEvent } from "./types";
import type { components } from "./workflow-manager";

/** Runs of exams and of cases, what they left, and the queues and processes that do the work. */

type Schemas = components["schemas"];
export type SessionValue = Schemas["SessionValueOut"];
export type SessionFile = Schemas["SessionFileOut"];
export type Session = Schemas["RunSessionOut"];
export type WorkQueue = Schemas["QueueOut"];
export type Worker = Schemas["WorkerOut"];
/** A run at a glance: of the job of an exam, or of the modules of a case. */
export type AnyRun = Schemas["AnyRunOut"];
export type RunKind = AnyRun["kind"];
export type RunStatus = AnyRun["status"];
export type RunPriority = AnyRun["priority"];
/** Which run of which kind: each has its own addresses. */
export type RunRef = Pick<AnyRun, "kind" | "id">;

export interface RunFilter {
  kind: RunKind | null;
  statuses: RunStatus[];
  job: string | null;
  device: string | null;
  /** The first day, as YYYY-MM-DD here. */
  since: string | null;
}

export const RUNS_PER_PAGE = 100;
/** Newest first; the next page goes on behind the last one of this. */
export const listAllRuns = (filter: RunFilter, after: string | null) => {
  const { kind, statuses, job, device, since } = filter;
  return answer(
    client.GET("/api/v1/workflowmanager/all-runs", {
      params: {
        query: {
          limit: RUNS_PER_PAGE,
          ...(kind && { kind }),
          ...(statuses.length > 0 && { status: statuses }),
          ...(job && { job }),
          ...(device && { device_id: device }),
          ...(since && { since: new Date(`${since}T00:00:00`).toISOString() }),
          ...(after && { after }),
        },
      },
    }),
  );
};
const ofRun = (run_id: string) => ({ params: { path: { run_id } } });
const ofChain = (processing_id: string) => ({ params: { path: { processing_id } } });
export const getRun = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs/{run_id}", ofRun(id)));
export const getChain = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/processing/{processing_id}", ofChain(id)));
/** A link may say less than a list: it is looked for among both kinds. */
export const findKind = (id: string): Promise<RunKind> =>
  getRun(id).then(
    () => "exam" as const,
    (error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return "case" as const;
      throw error;
    },
  );
/** What was written down of a run, oldest first. */
export const listEvents = (id: string): Promise<JournalEvent[]> =>
  answer(
    client.GET("/api/v1/workflowmanager/journal", {
      params: { query: { subject: id, newest: true, limit: 200 } },
    }),
  );
export const changePriority = ({ kind, id }: RunRef, priority: RunPriority): Promise<unknown> =>
  kind === "exam"
    ? answer(
        client.POST("/api/v1/workflowmanager/runs/{run_id}/priority", {
          ...ofRun(id),
          body: { priority },
        }),
      )
    : answer(
        client.POST("/api/v1/workflowmanager/processing/{processing_id}/priority", {
          ...ofChain(id),
          body: { priority },
        }),
      );

export const getSession = ({ kind, id }: RunRef) =>
  kind === "exam"
    ? answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/session", ofRun(id)))
    : answer(client.GET("/api/v1/workflowmanager/processing/{processing_id}/session", ofChain(id)));
export const listValues = ({ kind, id }: RunRef) =>
  kind === "exam"
    ? answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/data", ofRun(id)))
    : answer(client.GET("/api/v1/workflowmanager/processing/{processing_id}/data", ofChain(id)));
export const listFiles = ({ kind, id }: RunRef) =>
  kind === "exam"
    ? answer(client.GET("/api/v1/workflowmanager/runs/{run_id}/session-files", ofRun(id)))
    : answer(
        client.GET("/api/v1/workflowmanager/processing/{processing_id}/session-files", ofChain(id)),
      );
const PLACES: Record<RunKind, string> = { exam: "runs", case: "processing" };
export const sessionFileUrl = ({ kind, id }: RunRef, key: string) =>
  `/api/v1/workflowmanager/${PLACES[kind]}/${encodeURIComponent(id)}/session-files/${key}/file`;
export const holdSession = ({ kind, id }: RunRef, hold: boolean, reason: string) => {
  const body = { hold, reason };
  return kind === "exam"
    ? answer(client.PUT("/api/v1/workflowmanager/runs/{run_id}/session", { ...ofRun(id), body }))
    : answer(
        client.PUT("/api/v1/workflowmanager/processing/{processing_id}/session", {
          ...ofChain(id),
          body,
        }),
      );
};

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

const ofWorker = (name: string) => ({ params: { path: { name } } });
export const drainWorker = (name: string, reason: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/workers/{name}/drain", {
      ...ofWorker(name),
      body: { reason },
    }),
  );
export const resumeWorker = (name: string) =>
  answer(client.POST("/api/v1/workflowmanager/workers/{name}/resume", ofWorker(name)));

import { QueryClient, queryOptions } from "@tanstack/react-query";

import * as api from "./endpoints";
import { ApiError } from "./problem";
import type { JournalEvent } from "./types";

/** Nothing polls: the event stream marks what changed, so fetched data is good until it says so. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        retry: (failures, error) =>
          failures < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
      },
      mutations: { retry: false },
    },
  });
}

/** What the device manager last said about a task's acquisition; kept up by events. */
export interface AcquisitionSeen {
  acquisitionId: string;
  state: string;
  reason: string | null;
}

export const keys = {
  worklist: ["worklist"] as const,
  patients: ["patients"] as const,
  patient: (id: string) => ["patient", id] as const,
  exam: (id: string) => ["exam", id] as const,
  templates: ["templates"] as const,
  sequences: ["sequences"] as const,
  devices: ["devices"] as const,
  runs: (taskId: string) => ["runs", taskId] as const,
  dispatches: (examId: string) => ["dispatches", examId] as const,
  journal: (subject: string) => ["journal", subject] as const,
  acquisition: (taskId: string) => ["acquisition", taskId] as const,
};

export const queries = {
  worklist: queryOptions({ queryKey: keys.worklist, queryFn: api.listWorklist }),
  patients: queryOptions({ queryKey: keys.patients, queryFn: api.listPatients }),
  patient: (id: string) =>
    queryOptions({ queryKey: keys.patient(id), queryFn: () => api.getPatient(id) }),
  exam: (id: string) => queryOptions({ queryKey: keys.exam(id), queryFn: () => api.getExam(id) }),
  templates: queryOptions({ queryKey: keys.templates, queryFn: api.listExamTemplates }),
  sequences: queryOptions({ queryKey: keys.sequences, queryFn: api.listSequences }),
  devices: queryOptions({ queryKey: keys.devices, queryFn: api.listDevices }),
  runs: (taskId: string) =>
    queryOptions({ queryKey: keys.runs(taskId), queryFn: () => api.listRuns(taskId) }),
  dispatches: (examId: string) =>
    queryOptions({ queryKey: keys.dispatches(examId), queryFn: () => api.listDispatches(examId) }),
  journal: (subject: string) =>
    queryOptions({
      queryKey: keys.journal(subject),
      queryFn: () => taskHistory(subject),
    }),
  acquisition: (taskId: string) =>
    queryOptions<AcquisitionSeen | null>({
      queryKey: keys.acquisition(taskId),
      queryFn: async () => {
        const [latest] = await api.listAcquisitions(taskId, 1);
        if (!latest) return null;
        const { id: acquisitionId, state, reason } = latest;
        return { acquisitionId, state, reason };
      },
      gcTime: Infinity,
    }),
};

const HISTORY_OF = 3;

/** The journal of a task and of its latest acquisitions and runs, oldest first. */
async function taskHistory(taskId: string): Promise<JournalEvent[]> {
  const [acquisitions, runs] = await Promise.all([
    api.listAcquisitions(taskId, HISTORY_OF),
    api.listRuns(taskId),
  ]);
  const subjects = [
    taskId,
    ...acquisitions.map(({ id }) => id),
    ...runs.slice(0, HISTORY_OF).map(({ id }) => id),
  ];
  const events = (await Promise.all(subjects.map(api.listJournal))).flat();
  return events.toSorted((a, b) => a.sequence - b.sequence);
}

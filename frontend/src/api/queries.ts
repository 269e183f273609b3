import { QueryClient, queryOptions } from "@tanstack/react-query";

import * as api from "./endpoints";
import { ApiError } from "./problem";

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
  /** When it came into this state, as far as that is known. */
  since: string | null;
}

export const keys = {
  worklist: ["worklist"] as const,
  patients: ["patients"] as const,
  patient: (id: string) => ["patient", id] as const,
  exam: (id: string) => ["exam", id] as const,
  templates: ["templates"] as const,
  sequences: ["sequences"] as const,
  devices: ["devices"] as const,
  /** Below `devices`: what is asked anew when something of a device has changed. */
  parameterSchemas: ["devices", "schemas"] as const,
  parameterVersions: (deviceId: string) => ["devices", deviceId, "versions"] as const,
  parameterDiff: (deviceId: string, before: number, after: number) =>
    ["devices", deviceId, "diff", before, after] as const,
  calibrations: (deviceId: string) => ["devices", deviceId, "calibrations"] as const,
  scansOf: (deviceId: string) => ["devices", deviceId, "acquisitions"] as const,
  runs: (taskId: string) => ["runs", taskId] as const,
  dispatches: (examId: string) => ["dispatches", examId] as const,
  journal: (taskId: string) => ["journal", taskId] as const,
  acquisition: (taskId: string) => ["acquisition", taskId] as const,
  safety: (taskId: string, basis: unknown) => ["safety", taskId, basis] as const,
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
  parameterSchemas: queryOptions({
    queryKey: keys.parameterSchemas,
    queryFn: api.listParameterSchemas,
  }),
  parameterDiff: (deviceId: string, before: number, after: number) =>
    queryOptions({
      queryKey: keys.parameterDiff(deviceId, before, after),
      queryFn: () => api.compareParameters(deviceId, before, after),
    }),
  scansOf: (deviceId: string) =>
    queryOptions({
      queryKey: keys.scansOf(deviceId),
      queryFn: () => api.listAcquisitions({ device_id: deviceId }, 50),
    }),
  parameterVersions: (deviceId: string) =>
    queryOptions({
      queryKey: keys.parameterVersions(deviceId),
      queryFn: () => api.listParameterVersions(deviceId),
    }),
  calibrations: (deviceId: string) =>
    queryOptions({
      queryKey: keys.calibrations(deviceId),
      queryFn: () => api.listCalibrations(deviceId),
    }),
  runs: (taskId: string) =>
    queryOptions({ queryKey: keys.runs(taskId), queryFn: () => api.listRuns(taskId) }),
  dispatches: (examId: string) =>
    queryOptions({ queryKey: keys.dispatches(examId), queryFn: () => api.listDispatches(examId) }),
  journal: (taskId: string) =>
    queryOptions({ queryKey: keys.journal(taskId), queryFn: () => api.listHistory(taskId) }),
  /** Asked anew when anything of the basis has changed. */
  safety: (deviceId: string, taskId: string, basis: unknown) =>
    queryOptions({
      queryKey: keys.safety(taskId, basis),
      queryFn: () => api.judgeScan(deviceId, taskId),
    }),
  acquisition: (taskId: string) =>
    queryOptions<AcquisitionSeen | null>({
      queryKey: keys.acquisition(taskId),
      queryFn: async () => {
        const [latest] = await api.listAcquisitions({ task_id: taskId }, 1);
        if (!latest) return null;
        const { id: acquisitionId, state, reason } = latest;
        return { acquisitionId, state, reason, since: latest.lost_at ?? latest.ended_at };
      },
      gcTime: Infinity,
    }),
};

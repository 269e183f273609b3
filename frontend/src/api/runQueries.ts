import { queryOptions } from "@tanstack/react-query";

import { pagesOf } from "./pages";
import * as api from "./runs";

const OFTEN_MS = 5_000;

export const runKeys = {
  all: ["allRuns"] as const,
  list: (filter: api.RunFilter) => ["allRuns", "list", filter] as const,
  run: (id: string) => ["allRuns", "one", id] as const,
  session: ({ id }: api.RunRef) => ["allRuns", "one", id, "session"] as const,
  work: ["work"] as const,
};

export const runQueries = {
  list: (filter: api.RunFilter) =>
    pagesOf(
      runKeys.list(filter),
      api.RUNS_PER_PAGE,
      (after) => api.listAllRuns(filter, after),
      ({ id }) => id,
    ),
  run: (id: string) => queryOptions({ queryKey: runKeys.run(id), queryFn: () => api.getRun(id) }),
  /** The run of the modules of a case. */
  chain: (id: string) =>
    queryOptions({ queryKey: [...runKeys.run(id), "chain"], queryFn: () => api.getChain(id) }),
  kind: (id: string) =>
    queryOptions({ queryKey: ["kindOfRun", id], queryFn: () => api.findKind(id) }),
  events: (id: string) =>
    queryOptions({ queryKey: [...runKeys.run(id), "events"], queryFn: () => api.listEvents(id) }),
  /** What its jobs left, and how long that is kept. */
  session: (run: api.RunRef) =>
    queryOptions({
      queryKey: runKeys.session(run),
      queryFn: async () => {
        const [session, values, files] = await Promise.all([
          api.getSession(run),
          api.listValues(run),
          api.listFiles(run),
        ]);
        return { session, values, files };
      },
    }),
  // No event tells of a process that is lost: it is looked for.
  queues: queryOptions({
    queryKey: [...runKeys.work, "queues"],
    queryFn: api.listQueues,
    refetchInterval: OFTEN_MS,
  }),
  workers: queryOptions({
    queryKey: [...runKeys.work, "workers"],
    queryFn: api.listWorkers,
    refetchInterval: OFTEN_MS,
  }),
};

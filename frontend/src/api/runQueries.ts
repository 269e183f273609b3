import { queryOptions } from "@tanstack/react-query";

import { pagesOf } from "./pages";
import * as api from "./runs";

const OFTEN_MS = 5_000;

export const runKeys = {
  all: ["allRuns"] as const,
  list: (filter: api.RunFilter) => ["allRuns", "list", filter] as const,
  run: (id: string) => ["allRuns", "one", id] as const,
  session: (id: string) => ["allRuns", "one", id, "session"] as const,
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
  /** What its jobs left, and how long that is kept. */
  session: (id: string) =>
    queryOptions({
      queryKey: runKeys.session(id),
      queryFn: async () => {
        const [session, values, files] = await Promise.all([
          api.getSession(id),
          api.listValues(id),
          api.listFiles(id),
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

import { queryOptions } from "@tanstack/react-query";

import { pagesOf } from "./pages";
import * as api from "./upkeep";

/** What is asked anew when something of it has changed is below its first part. */
export const upkeepKeys = {
  selfTests: ["self-tests"] as const,
  holds: ["holds"] as const,
  cleaner: ["cleaner"] as const,
};

export const upkeepQueries = {
  selfTests: queryOptions({ queryKey: upkeepKeys.selfTests, queryFn: api.listSelfTests }),
  holds: pagesOf(
    [...upkeepKeys.holds, "list"],
    api.HOLDS_PER_PAGE,
    api.listHolds,
    ({ study_instance_uid }) => study_instance_uid,
  ),
  hold: (study: string) =>
    queryOptions({
      queryKey: [...upkeepKeys.holds, "of study", study],
      queryFn: () => api.getHold(study),
    }),
  cleaner: queryOptions({ queryKey: [...upkeepKeys.cleaner, "state"], queryFn: api.getCleaner }),
  removed: queryOptions({
    queryKey: [...upkeepKeys.cleaner, "removed"],
    queryFn: api.listRemoved,
  }),
  preview: (freeBytes: number | null) =>
    queryOptions({
      queryKey: [...upkeepKeys.cleaner, "preview", freeBytes],
      queryFn: () => api.previewCleaning(freeBytes),
      // What is too old changes with the time alone.
      staleTime: 60_000,
    }),
};

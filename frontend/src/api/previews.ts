import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { JournalEvent } from "./types";
import type { components } from "./workflow-manager";

/** An image of a scan that still runs. Not for diagnosis. */
export type Preview = components["schemas"]["PreviewOut"];

const listPreviews = (task_id: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/previews/{task_id}", { params: { path: { task_id } } }),
  );

/** The last event that tells of a preview of the scan that runs. */
export interface NewestPreview {
  eventId: string;
  acquisitionId: unknown;
}

/** Null: none is told of since the scan began; those of an earlier scan do not count. */
export function newestPreview(events: JournalEvent[] | undefined): NewestPreview | null {
  const last = events?.findLast(({ type }) => type === "preview.ready" || type === BEGUN);
  if (!last || last.type === BEGUN) return null;
  return { eventId: last.id, acquisitionId: last.data.acquisition_id };
}

const BEGUN = "exam.task.started";

/** The previews of the scan that runs, oldest first; asked anew when an event tells of more. */
export const previewsOf = (taskId: string, newest: NewestPreview | null) =>
  queryOptions({
    queryKey: ["previews", taskId, newest?.eventId] as const,
    queryFn: async () => {
      const previews = await listPreviews(taskId);
      return previews.filter(({ acquisition_id }) => acquisition_id === newest?.acquisitionId);
    },
    enabled: newest !== null,
    placeholderData: (before: Preview[] | undefined) =>
      before?.every((preview) => preview.acquisition_id === newest?.acquisitionId)
        ? before
        : undefined,
  });

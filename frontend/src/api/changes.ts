import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";

import { answer, client } from "./client";
import { allRows } from "./pages";
import type { JournalEvent } from "./types";
import type { operations } from "./workflow-manager";

/** Changes of the configuration, of all kinds, as the journal has them. */

type Asked = NonNullable<operations["list_journal"]["parameters"]["query"]>;
type EventType = NonNullable<Asked["type"]>[number];

export const KINDS = ["rule", "notification", "target", "module", "device", "settings"] as const;
export type Kind = (typeof KINDS)[number];

const TYPES: Record<Kind, EventType[]> = {
  rule: ["rule.created", "rule.updated", "rule.deleted", "rule.reordered"],
  // Who is told of what stands in rules.
  notification: ["rule.created", "rule.updated"],
  target: ["target.created", "target.updated", "target.deleted"],
  module: ["module.created", "module.updated", "module.deleted"],
  device: [
    "device.created",
    "device.updated",
    "device.deleted",
    "device.parameter_changed",
    "device.schema_changed",
  ],
  settings: ["settings.changed"],
};

export const CHANGES_PER_PAGE = 100;
/** Newest first; the journal gives a page oldest first. */
async function listChanges(kind: Kind | null, before: number | null): Promise<JournalEvent[]> {
  const type = [...new Set((kind ? [kind] : KINDS).flatMap((each) => TYPES[each]))];
  const found = await answer(
    client.GET("/api/v1/workflowmanager/journal", {
      params: {
        query: { type, newest: true, limit: CHANGES_PER_PAGE, ...(before && { before }) },
      },
    }),
  );
  return found.toReversed();
}

export const changesKey = ["changes"] as const;
export const changesQuery = (kind: Kind | null) =>
  infiniteQueryOptions({
    queryKey: [...changesKey, kind],
    queryFn: ({ pageParam }) => listChanges(kind, pageParam),
    initialPageParam: null as number | null,
    getNextPageParam: (found) =>
      found.length < CHANGES_PER_PAGE ? undefined : found.at(-1)?.sequence,
    select: allRows<JournalEvent>,
    placeholderData: keepPreviousData,
  });

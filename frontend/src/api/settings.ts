import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** What the installation is set to, and from where; secrets are never told. */

export type ProgramSettings = components["schemas"]["SettingsOut"];
export type Setting = components["schemas"]["SettingOut"];

export const settingsKey = ["settings"] as const;
export const settingsQuery = queryOptions({
  queryKey: settingsKey,
  queryFn: () => answer(client.GET("/api/v1/workflowmanager/settings")),
});

/** What a program was set to, from start to start. */
export const settingsVersionsQuery = (program: string) =>
  queryOptions({
    queryKey: [...settingsKey, program, "versions"],
    queryFn: () =>
      answer(
        client.GET("/api/v1/workflowmanager/settings/{program}/versions", {
          params: { path: { program }, query: { limit: 50 } },
        }),
      ),
  });
export const settingsDiffQuery = (program: string, before: number, after: number) =>
  queryOptions({
    queryKey: [...settingsKey, program, "diff", before, after],
    queryFn: () =>
      answer(
        client.GET("/api/v1/workflowmanager/settings/{program}/diff", {
          params: { path: { program }, query: { before, after } },
        }),
      ),
  });

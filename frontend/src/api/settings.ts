import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** What the installation is set to, and from where; secrets are never told. */

export type ProgramSettings = components["schemas"]["SettingsOut"];
export type Setting = components["schemas"]["SettingOut"];

export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: () => answer(client.GET("/api/v1/workflowmanager/settings")),
});

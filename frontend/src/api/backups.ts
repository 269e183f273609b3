import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Backups that the server makes when it is asked. */

export type Backups = components["schemas"]["BackupsOut"];
export type Backup = components["schemas"]["BackupOut"];

export const beginBackup = () => answer(client.POST("/api/v1/workflowmanager/backups"));

export const backupsQuery = queryOptions({
  queryKey: ["backups"],
  queryFn: () => answer(client.GET("/api/v1/workflowmanager/backups")),
});

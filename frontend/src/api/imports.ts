import { t } from "../i18n";
import { answer, client } from "./client";
import { endsSession, problemFrom } from "./problem";
import { authorizationHeader, sessionStore } from "./session";
import type { components } from "./workflow-manager";

/** Images that come as files: uploads, folders of the server, saved data sets. */

type Schemas = components["schemas"];
export type Import = Schemas["ImportOut"];
export type ImportFile = Schemas["ImportFileOut"];
export type Outcome = ImportFile["outcome"];
export type Dataset = Schemas["DatasetOut"];

export const IMPORTS_PER_PAGE = 100;
/** Newest first; the next page goes on after the last one of this. */
export const listImports = (after: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/imports", {
      params: { query: { limit: IMPORTS_PER_PAGE, ...(after && { after }) } },
    }),
  );
const ofImport = (import_id: string) => ({ params: { path: { import_id } } });
export const getImport = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/imports/{import_id}", ofImport(id)));
export const listImportFiles = (import_id: string, outcome: Outcome | null, after: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/imports/{import_id}/files", {
      params: { path: { import_id }, query: { after, limit: 500, ...(outcome && { outcome }) } },
    }),
  );
export const cancelImport = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/imports/{import_id}/cancel", ofImport(id)));
export const retryImport = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/imports/{import_id}/retry", ofImport(id)));
export const listDatasets = () => answer(client.GET("/api/v1/workflowmanager/datasets"));
export const replayDataset = (dataset_id: string, forced_rule: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/datasets/{dataset_id}/replay", {
      params: { path: { dataset_id } },
      body: { forced_rule },
    }),
  );
export const deleteDataset = (dataset_id: string) =>
  answer(
    client.DELETE("/api/v1/workflowmanager/datasets/{dataset_id}", {
      params: { path: { dataset_id } },
    }),
  );

/** What can be imported of the server's own disk; the names are those below the root for imports. */
export const listImportFolders = (folder: string[]) =>
  answer(client.GET("/api/v1/workflowmanager/imports/folders", { params: { query: { folder } } }));
export const importFolder = (folder: string[], forced_rule: string) =>
  answer(client.POST("/api/v1/workflowmanager/imports/folder", { body: { folder, forced_rule } }));

export interface UploadOptions {
  /** The rule that decides alone; empty: all rules. */
  forcedRule: string;
  /** Keep the files under this name; empty: no. */
  dataset: string;
}

/**
 * Send files to be imported; resolves when all of them are at the server.
 *
 * Fetch does not tell how much of a body has been sent, so this is an XMLHttpRequest.
 */
export function uploadFiles(
  files: File[],
  { forcedRule, dataset }: UploadOptions,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<Import> {
  const query = new URLSearchParams({
    ...(forcedRule && { forced_rule: forcedRule }),
    ...(dataset && { dataset }),
  });
  const form = new FormData();
  // Of a folder the path, so that the answer tells files of the same name apart.
  for (const file of files) form.append("files", file, file.webkitRelativePath || file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/workflowmanager/imports?${query.toString()}`);
    request.responseType = "json";
    for (const [name, value] of Object.entries(authorizationHeader())) {
      request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    request.addEventListener("load", () => {
      if (request.status === 202) {
        resolve(request.response as Import);
        return;
      }
      const problem = problemFrom(
        request.status,
        request.response,
        request.getResponseHeader("X-Correlation-Id"),
      );
      if (endsSession(problem)) sessionStore.end(t("Your session has ended. Log in to go on."));
      reject(problem);
    });
    request.addEventListener("error", () =>
      reject(new Error(t("The server did not answer. Nothing of this upload was taken in."))),
    );
    request.addEventListener("abort", () => reject(new DOMException("Canceled", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

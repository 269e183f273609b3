import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Processing modules: what computes images from images, and how it runs. */

type Schemas = components["schemas"];
export type Module = Schemas["ModuleOut"];
export type ModuleIn = Schemas["ModuleIn"];
export type ModuleRunner = Module["runner"];
export type ModuleTest = Schemas["ModuleTest"];

const ifMatch = (version: number) => ({ "If-Match": `"${version}"` });
const named = (name: string) => ({ params: { path: { name } } });

export const listModules = () => answer(client.GET("/api/v1/workflowmanager/modules"));
export const createModule = (body: ModuleIn) =>
  answer(client.POST("/api/v1/workflowmanager/modules", { body }));
/** Refused (412) unless `version` is the one in force. */
export const replaceModule = (name: string, version: number, body: ModuleIn) =>
  answer(
    client.PUT("/api/v1/workflowmanager/modules/{name}", {
      params: { path: { name }, header: ifMatch(version) },
      body,
    }),
  );
export const deleteModule = (name: string, version: number) =>
  answer(
    client.DELETE("/api/v1/workflowmanager/modules/{name}", {
      params: { path: { name }, header: ifMatch(version) },
    }),
  );
export type KeptByModule = Schemas["ModulePersistence"] & {
  /** What the server calls this content: a change is refused when it is another one by then. */
  tag: string;
};
export async function getPersistence(name: string): Promise<KeptByModule> {
  const asked = client.GET("/api/v1/workflowmanager/modules/{name}/persistence", named(name));
  const found = await answer(asked);
  return { ...found, tag: (await asked).response.headers.get("ETag") ?? "" };
}
export const putPersistence = (name: string, tag: string, document: Record<string, unknown>) =>
  answer(
    client.PUT("/api/v1/workflowmanager/modules/{name}/persistence", {
      params: { path: { name }, header: { "If-Match": tag } },
      body: { document } as Schemas["ModulePersistenceIn"],
    }),
  );
export const testModule = (name: string) =>
  answer(client.POST("/api/v1/workflowmanager/modules/{name}/test", named(name)));
export const listModuleVersions = (name: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/modules/{name}/versions", {
      params: { path: { name }, query: { limit: 50 } },
    }),
  );
export const compareModuleVersions = (name: string, before: number, after: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/modules/{name}/diff", {
      params: { path: { name }, query: { before, after } },
    }),
  );
/** An older version again, as a new one; variables stay as they are now. */
export const revertModule = (name: string, older: number, version: number, comment: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/modules/{name}/versions/{version}/revert", {
      params: { path: { name, version: older }, header: ifMatch(version) },
      body: { comment },
    }),
  );

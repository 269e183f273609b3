import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Runs of processing modules: their steps, what they say and leave, stopped and tried again. */

type Schemas = components["schemas"];
export type ProcessingRun = Schemas["ProcessingRunOut"];
export type ProcessingStep = Schemas["ProcessingStepOut"];
export type Review = Schemas["ProcessingReviewOut"];
export type ProcessingGate = Schemas["ProcessingGateOut"];
export type StepState = ProcessingStep["state"];

/** Kills the module that runs, or lets none begin. */
export const cancelProcessing = (case_id: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/cases/{case_id}/processing/cancel", {
      params: { path: { case_id } },
    }),
  );
/** From the step that failed, from the first by the rule as it is by now, or from any before. */
export const retryProcessing = (case_id: string, from: "failed" | "first" | number) =>
  answer(
    client.POST("/api/v1/workflowmanager/cases/{case_id}/processing/retry", {
      params: { path: { case_id } },
      body: typeof from === "number" ? { start: "failed", step: from } : { start: from },
    }),
  );

/** Lets it go where the rule says, or nowhere. */
export const reviewProcessing = (
  case_id: string,
  decision: "approve" | "reject",
  comment: string,
) =>
  answer(
    client.POST("/api/v1/workflowmanager/cases/{case_id}/processing/review", {
      params: { path: { case_id } },
      body: { decision, comment },
    }),
  );

const placeOf = (run: string) => `/api/v1/workflowmanager/processing/${encodeURIComponent(run)}`;
/** Where a browser fetches what a step said, from its beginning. */
export const stepLogUrl = (run: string, position: number) =>
  `${placeOf(run)}/steps/${position}/log`;
export const runFileUrl = (run: string, name: string) =>
  `${placeOf(run)}/files/${name.split("/").map(encodeURIComponent).join("/")}`;

/** A part of a log: what came from an offset on, and where it ends by now [byte]. */
export interface LogPart {
  bytes: Uint8Array;
  size: number;
}

export async function readStepLog(
  processing_id: string,
  position: number,
  offset: number,
): Promise<LogPart> {
  const { data, response } = await client.GET(
    "/api/v1/workflowmanager/processing/{processing_id}/steps/{position}/log",
    { params: { path: { processing_id, position }, query: { offset } }, parseAs: "arrayBuffer" },
  );
  return logPart(data, response, offset);
}

export function logPart(data: unknown, response: Response, offset: number): LogPart {
  const bytes = new Uint8Array(data instanceof ArrayBuffer ? data : new ArrayBuffer(0));
  const size = Number(response.headers.get("X-Log-Size") ?? offset + bytes.length);
  return { bytes, size };
}

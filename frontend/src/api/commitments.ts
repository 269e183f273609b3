import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Storage commitment: what other nodes asked us to keep, and whether they have heard (PS3.4 J). */

type Schemas = components["schemas"];
export type Commitment = Schemas["CommitmentOut"];
export type CommitmentDetail = Schemas["CommitmentDetail"];
export type CommitmentState = Commitment["state"];

export const COMMITMENTS_PER_PAGE = 100;
/** Newest first; the next page goes on before the last one of this. */
export const listCommitments = (status: CommitmentState | null, before: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/commitments", {
      params: {
        query: {
          limit: COMMITMENTS_PER_PAGE,
          ...(status && { status }),
          ...(before && { before }),
        },
      },
    }),
  );
const ofRequest = (request_id: string) => ({ params: { path: { request_id } } });
export const getCommitment = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/commitments/{request_id}", ofRequest(id)));
/** Tells the node now, not at the time of the next attempt. */
export const retryCommitment = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/commitments/{request_id}/retry", ofRequest(id)));

import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Query/retrieve: studies that are fetched from other systems by their accession numbers. */

type Schemas = components["schemas"];
export type Retrieval = Schemas["RetrievalOut"];
export type RetrievalIn = Schemas["RetrievalIn"];
export type RetrievalMethod = Retrieval["method"];
export type Accession = Schemas["AccessionOut"];
export type AccessionState = Accession["state"];
export type FoundAccession = Schemas["FoundAccession"];

export const RETRIEVALS_PER_PAGE = 100;
/** Newest first; the next page goes on after the last one of this. */
export const listRetrievals = (after: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/retrievals", {
      params: { query: { limit: RETRIEVALS_PER_PAGE, ...(after && { after }) } },
    }),
  );
const ofRetrieval = (retrieval_id: string) => ({ params: { path: { retrieval_id } } });
export const getRetrieval = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/retrievals/{retrieval_id}", ofRetrieval(id)));
export const listAccessions = (retrieval_id: string, state: AccessionState | null, after: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/retrievals/{retrieval_id}/accessions", {
      params: { path: { retrieval_id }, query: { after, limit: 200, ...(state && { state }) } },
    }),
  );
export const startRetrieval = (body: RetrievalIn) =>
  answer(client.POST("/api/v1/workflowmanager/retrievals", { body }));
/** Says what would be fetched, and fetches nothing. */
export const searchSource = ({ source, accession_text, filter }: RetrievalIn) =>
  answer(
    client.POST("/api/v1/workflowmanager/retrievals/search", {
      body: { source, accession_numbers: [], accession_text, filter },
    }),
  );
export const pauseRetrieval = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/retrievals/{retrieval_id}/pause", ofRetrieval(id)));
export const resumeRetrieval = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/retrievals/{retrieval_id}/resume", ofRetrieval(id)));
export const cancelRetrieval = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/retrievals/{retrieval_id}/cancel", ofRetrieval(id)));
export const retryRetrieval = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/retrievals/{retrieval_id}/retry", ofRetrieval(id)));

import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** What keeps the platform well: self-tests, held studies, and the cleaner. */

type Schemas = components["schemas"];
export type SelfTest = Schemas["SelfTestOut"];
export type SelfTestStep = Schemas["SelfTestStep"];
export type Hold = Schemas["HoldOut"];
export type Cleaner = Schemas["CleanerOut"];
export type Retention = Schemas["Retention"];
export type CleaningPreview = Schemas["CleaningPreview"];
export type RemovableSeries = Schemas["RemovableSeries"];
export type RemovalReason = Schemas["RemovalIn"]["reason"];

export const listSelfTests = () =>
  answer(client.GET("/api/v1/workflowmanager/selftests", { params: { query: { limit: 50 } } }));
/** With a job: of one series, whose images a job makes before they take the way. */
export const beginSelfTest = (what: SelfTest["kind"] | "job") =>
  answer(
    client.POST("/api/v1/workflowmanager/selftests", {
      body: what === "job" ? { kind: "series", mode: "process" } : { kind: what, mode: "route" },
    }),
  );

export const HOLDS_PER_PAGE = 200;
/** In the order of their UIDs; the next page goes on after the last one of this. */
export const listHolds = (after: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/holds", {
      params: { query: { limit: HOLDS_PER_PAGE, ...(after && { after }) } },
    }),
  );
/** Null: the study is not held. */
export async function getHold(study_instance_uid: string): Promise<Hold | null> {
  const [hold] = await answer(
    client.GET("/api/v1/workflowmanager/holds", { params: { query: { study_instance_uid } } }),
  );
  return hold ?? null;
}
const ofStudy = (study_instance_uid: string) => ({ params: { path: { study_instance_uid } } });
/** Holding a study that is held changes the reason. */
export const holdStudy = (uid: string, reason: string) =>
  answer(
    client.PUT("/api/v1/workflowmanager/studies/{study_instance_uid}/hold", {
      ...ofStudy(uid),
      body: { reason },
    }),
  );
export const liftHold = (uid: string) =>
  answer(client.DELETE("/api/v1/workflowmanager/studies/{study_instance_uid}/hold", ofStudy(uid)));

export const getCleaner = () => answer(client.GET("/api/v1/workflowmanager/cleaner"));
/** What the next cleaning removes; with a number of bytes, what it costs to free so much. */
export const previewCleaning = (freeBytes: number | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/cleaner/preview", {
      params: { query: { limit: 200, ...(freeBytes !== null && { free_bytes: freeBytes }) } },
    }),
  );
/** The newest so many are told of: who looks for more asks the journal. */
export const MOST_REMOVED = 500;
export const listRemoved = () =>
  answer(
    client.GET("/api/v1/workflowmanager/journal", {
      params: { query: { type: ["cleaner.removed"], newest: true, limit: MOST_REMOVED } },
    }),
  );
/** All that is named or, if something speaks against one of it, nothing; no series: all of them. */
export const removeImages = (
  study_instance_uid: string,
  reason: RemovalReason,
  series_instance_uids: string[],
) =>
  answer(
    client.POST("/api/v1/workflowmanager/studies/{study_instance_uid}/remove", {
      params: { path: { study_instance_uid } },
      body: { reason, series_instance_uids },
    }),
  );

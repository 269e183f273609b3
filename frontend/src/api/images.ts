import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** What becomes of images: cases, what is sent where, and what is paused. */

type Schemas = components["schemas"];
export type Case = Schemas["CaseOut"];
export type CaseDetail = Schemas["CaseDetail"];
export type CaseSeries = Schemas["CaseSeriesOut"];
export type CaseState = Case["state"];
export type RuleFinding = Schemas["RuleFinding"];
export type Dispatch = Schemas["DispatchOut"];
export type DispatchDetail = Schemas["DispatchDetail"];
export type DispatchStatus = Dispatch["status"];
export type Priority = Dispatch["priority"] & string;
export type Pause = Schemas["DispatchPause"];
export type SendIn = Schemas["SendIn"];

// --- cases -----------------------------------------------------------------------------------

export interface CaseFilter {
  state: CaseState | null;
  rule: string | null;
  text: string;
  study?: string;
}
export const CASES_PER_PAGE = 200;

export const listCases = ({ state, rule, text, study }: CaseFilter, before: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/cases", {
      params: {
        query: {
          limit: CASES_PER_PAGE,
          ...(state && { state }),
          ...(rule && { rule }),
          ...(text && { text }),
          ...(study && { study_instance_uid: study }),
          ...(before && { before }),
        },
      },
    }),
  );
const ofCase = (case_id: string) => ({ params: { path: { case_id } } });
export const getCase = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/cases/{case_id}", ofCase(id)));
export const completeCase = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/cases/{case_id}/complete", ofCase(id)));
export const discardCase = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/cases/{case_id}/discard", ofCase(id)));
export const retryCase = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/cases/{case_id}/retry", ofCase(id)));

// --- what is sent ----------------------------------------------------------------------------

export interface DispatchFilter {
  statuses: DispatchStatus[];
  target: string | null;
}
export const DISPATCHES_PER_PAGE = 200;
/** Newest first; the next page goes on before the last one of this. */
export const listQueue = ({ statuses, target }: DispatchFilter, before: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/dispatches", {
      params: {
        query: {
          limit: DISPATCHES_PER_PAGE,
          status: statuses,
          ...(target && { target }),
          ...(before && { before }),
        },
      },
    }),
  );
const ofDispatch = (dispatch_id: string) => ({ params: { path: { dispatch_id } } });
export const getDispatch = (id: string) =>
  answer(client.GET("/api/v1/workflowmanager/dispatches/{dispatch_id}", ofDispatch(id)));
/** Again: also what is at the target already. */
export const retryDispatch = (dispatch_id: string, again: boolean) =>
  answer(
    client.POST("/api/v1/workflowmanager/dispatches/{dispatch_id}/retry", {
      params: { path: { dispatch_id }, query: { again } },
    }),
  );
export const cancelDispatch = (id: string) =>
  answer(client.POST("/api/v1/workflowmanager/dispatches/{dispatch_id}/cancel", ofDispatch(id)));
export const redirectDispatch = (id: string, target: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/dispatches/{dispatch_id}/redirect", {
      ...ofDispatch(id),
      body: { target },
    }),
  );
export const sendSeries = (body: SendIn) =>
  answer(client.POST("/api/v1/workflowmanager/dispatches", { body }));
/** What the journal has of one thing, oldest first. */
export const listHistoryOf = (subject: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/journal", {
      params: { query: { subject, newest: true, limit: 200 } },
    }),
  );

// --- pauses ----------------------------------------------------------------------------------

/** In the place of a target: all of them. */
export const EVERY_TARGET = null;

export const listPauses = () => answer(client.GET("/api/v1/workflowmanager/dispatches/pauses"));
export const pauseSending = (name: string | null, reason: string) =>
  name === EVERY_TARGET
    ? answer(client.POST("/api/v1/workflowmanager/dispatches/pause", { body: { reason } }))
    : answer(
        client.POST("/api/v1/workflowmanager/targets/{name}/pause", {
          params: { path: { name } },
          body: { reason },
        }),
      );
export const resumeSending = async (name: string | null): Promise<void> => {
  if (name === EVERY_TARGET) {
    await answer(client.POST("/api/v1/workflowmanager/dispatches/resume"));
  } else {
    await answer(
      client.POST("/api/v1/workflowmanager/targets/{name}/resume", { params: { path: { name } } }),
    );
  }
};
export const listTargets = () => answer(client.GET("/api/v1/workflowmanager/targets"));
export const listRules = () => answer(client.GET("/api/v1/workflowmanager/rules"));

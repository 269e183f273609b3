import { t } from "../i18n";
import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** Rules, targets, notifications and health: where images go, who is told, and how it goes. */

type Schemas = components["schemas"];
export type Rule = Schemas["RuleOut"];
export type RuleIn = Schemas["RuleIn"];
export type RuleOptions = Schemas["RuleOptions"];
export type RuleVersion = Schemas["RuleVersionOut"];
export type RuleFlow = Schemas["RuleFlowOut"];
export type RuleTest = Schemas["RuleTestOut"];
export type RuleDryRun = Schemas["RuleDryRunOut"];
export type Target = Schemas["TargetOut"];
export type TargetIn = Schemas["TargetIn"];
export type TargetType = Target["target_type"];
export type TargetTest = Schemas["TargetTest"];
export type Notification = Schemas["NotificationOut"];
export type NotificationStatus = Notification["status"];
export type NotificationEvent = Notification["event"];
export type HealthDetail = Schemas["HealthDetail"];
export type HealthPart = Schemas["HealthPart"];

const ifMatch = (version: number) => ({ "If-Match": `"${version}"` });

// --- rules -----------------------------------------------------------------------------------

export const createRule = (body: RuleIn) =>
  answer(client.POST("/api/v1/workflowmanager/rules", { body }));
/** Refused (412) unless `version` is the one in force. */
export const replaceRule = (version: number, body: RuleIn) =>
  answer(
    client.PUT("/api/v1/workflowmanager/rules/{rule_name}", {
      params: { path: { rule_name: body.name }, header: ifMatch(version) },
      body,
    }),
  );
export const deleteRule = (rule_name: string, version: number) =>
  answer(
    client.DELETE("/api/v1/workflowmanager/rules/{rule_name}", {
      params: { path: { rule_name }, header: ifMatch(version) },
    }),
  );
export const reorderRules = (names: string[]) =>
  answer(client.PUT("/api/v1/workflowmanager/rules-order", { body: { names } }));
/** Where the cases of a rule are: those of the last hours, and all that have not ended. */
export const getRuleFlow = (rule_name: string, hours: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/rules/{rule_name}/flow", {
      params: { path: { rule_name }, query: { hours } },
    }),
  );
export const listRuleVersions = (rule_name: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/rules/{rule_name}/versions", {
      params: { path: { rule_name }, query: { limit: 50 } },
    }),
  );
export const compareRuleVersions = (rule_name: string, before: number, after: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/rules/{rule_name}/diff", {
      params: { path: { rule_name }, query: { before, after } },
    }),
  );
export const revertRule = (rule_name: string, older: number, version: number, comment: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/rules/{rule_name}/versions/{version}/revert", {
      params: { path: { rule_name, version: older }, header: ifMatch(version) },
      body: { comment },
    }),
  );
export const testRule = (rule: string, tags: Record<string, string>) =>
  answer(client.POST("/api/v1/workflowmanager/rules/test", { body: { rule, tags } }));
export const testCompletion = (expression: string, received: string[]) =>
  answer(
    client.POST("/api/v1/workflowmanager/rules/test-completion", {
      body: { expression, received },
    }),
  );
export const dryRunRule = (rule: string, series: number) =>
  answer(client.POST("/api/v1/workflowmanager/rules/dry-run", { body: { rule, series } }));
export const getRuleVocabulary = () =>
  answer(client.GET("/api/v1/workflowmanager/rules-vocabulary"));
/** Of a DICOM file: what stands before its pixels is enough. */
const HEAD_BYTES = 8 * 2 ** 20;
/** The tags that rules would see of a file if it were received. */
export const readFileTags = async (file: Blob) =>
  (
    await answer(
      client.POST("/api/v1/workflowmanager/rules/file-tags", {
        // The type of the body is that of the document: a string in a format.
        body: file.slice(0, HEAD_BYTES) as unknown as string,
        bodySerializer: (body) => body,
        headers: { "Content-Type": "application/dicom" },
      }),
    )
  ).tags;
export const getSeriesTags = async (series_instance_uid: string) =>
  (
    await answer(
      client.GET("/api/v1/workflowmanager/series/{series_instance_uid}/tags", {
        params: { path: { series_instance_uid } },
      }),
    )
  ).tags;
export const listCasesOf = (rule: string, limit: number) =>
  answer(client.GET("/api/v1/workflowmanager/cases", { params: { query: { rule, limit } } }));

// --- targets ---------------------------------------------------------------------------------

export const createTarget = (body: TargetIn) =>
  answer(client.POST("/api/v1/workflowmanager/targets", { body }));
/** Refused (412) unless `version` is the one in force. */
export const replaceTarget = (name: string, version: number, body: TargetIn) =>
  answer(
    client.PUT("/api/v1/workflowmanager/targets/{name}", {
      params: { path: { name }, header: ifMatch(version) },
      body,
    }),
  );
export const deleteTarget = (name: string, version: number) =>
  answer(
    client.DELETE("/api/v1/workflowmanager/targets/{name}", {
      params: { path: { name }, header: ifMatch(version) },
    }),
  );
export const listTargetVersions = (name: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/targets/{name}/versions", {
      params: { path: { name }, query: { limit: 50 } },
    }),
  );
export const compareTargetVersions = (name: string, before: number, after: number) =>
  answer(
    client.GET("/api/v1/workflowmanager/targets/{name}/diff", {
      params: { path: { name }, query: { before, after } },
    }),
  );
/** An older version again, as a new one; secrets stay as they are now. */
export const revertTarget = (name: string, older: number, version: number, comment: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/targets/{name}/versions/{version}/revert", {
      params: { path: { name, version: older }, header: ifMatch(version) },
      body: { comment },
    }),
  );
export const testTarget = (name: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/targets/{name}/test", { params: { path: { name } } }),
  );
/** What has failed at least once and waits for its next attempt, newest first. */
export const listWaiting = (target: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/dispatches", {
      params: { query: { target, status: ["waiting"], limit: 100 } },
    }),
  );

// --- notifications ---------------------------------------------------------------------------

export const NOTIFICATIONS_PER_PAGE = 100;
/** Newest first; the next page goes on after the last one of this. */
export const listNotifications = (status: NotificationStatus | null, after: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/notifications", {
      params: {
        query: {
          limit: NOTIFICATIONS_PER_PAGE,
          ...(status && { status }),
          ...(after && { after }),
        },
      },
    }),
  );
export const retryNotification = (notification_id: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/notifications/{notification_id}/retry", {
      params: { path: { notification_id } },
    }),
  );
export const testNotification = (rule: string, event: NotificationEvent) =>
  answer(client.POST("/api/v1/workflowmanager/notifications/test", { body: { rule, event } }));

export const previewNotifications = (rule: RuleIn, event: NotificationEvent) => {
  const { change_comment: _, ...draft } = rule;
  return answer(
    client.POST("/api/v1/workflowmanager/notifications/preview", { body: { rule: draft, event } }),
  );
};
export const getNotificationSettings = () =>
  answer(client.GET("/api/v1/workflowmanager/notifications/settings"));

// --- health ----------------------------------------------------------------------------------

export const getHealth = () => answer(client.GET("/api/v1/workflowmanager/health/detail"));

const SERVICES = {
  [t("Exams and patients")]: "/api/v1/exam/health/readiness",
  [t("Devices")]: "/api/v1/device/health/readiness",
  [t("Images and routing")]: "/api/v1/workflowmanager/health/readiness",
} as const;

export interface ServiceState {
  name: string;
  /** Null: it works. */
  problem: string | null;
}

/** Of each service whether it works; one that does not answer is no error of the others. */
export const getServices = (): Promise<ServiceState[]> =>
  Promise.all(
    Object.entries(SERVICES).map(async ([name, path]) => {
      try {
        await answer(client.GET(path));
        return { name, problem: null };
      } catch (error) {
        return { name, problem: error instanceof Error ? error.message : t("It does not answer.") };
      }
    }),
  );

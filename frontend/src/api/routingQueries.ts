import { queryOptions } from "@tanstack/react-query";

import { imageKeys, imageQueries } from "./imageQueries";
import { pagesOf } from "./pages";
import * as api from "./routing";

/** What is asked anew when something of it has changed is below its first part. */
export const routingKeys = {
  rules: imageKeys.rules,
  ruleVersions: (name: string) => ["rules", name, "versions"] as const,
  ruleDiff: (name: string, before: number, after: number) =>
    ["rules", name, "diff", before, after] as const,
  flow: ["flow of rules"] as const,
  casesOf: (rule: string) => ["cases", "of rule", rule] as const,
  targets: imageKeys.targets,
  targetVersions: (name: string) => ["targets", name, "versions"] as const,
  targetDiff: (name: string, before: number, after: number) =>
    ["targets", name, "diff", before, after] as const,
  waitingAnywhere: ["dispatches", "waiting"] as const,
  waiting: (target: string) => ["dispatches", "waiting", target] as const,
  notifications: ["notifications"] as const,
  health: ["health"] as const,
};

export const routingQueries = {
  rules: imageQueries.rules,
  ruleVersions: (name: string) =>
    queryOptions({
      queryKey: routingKeys.ruleVersions(name),
      queryFn: () => api.listRuleVersions(name),
    }),
  ruleDiff: (name: string, before: number, after: number) =>
    queryOptions({
      queryKey: routingKeys.ruleDiff(name, before, after),
      queryFn: () => api.compareRuleVersions(name, before, after),
    }),
  flow: (rule: string, hours: number) =>
    queryOptions({
      queryKey: [...routingKeys.flow, rule, hours],
      queryFn: () => api.getRuleFlow(rule, hours),
    }),
  casesOf: (rule: string) =>
    queryOptions({ queryKey: routingKeys.casesOf(rule), queryFn: () => api.listCasesOf(rule, 5) }),
  /** What rules may name changes with the server only. */
  vocabulary: queryOptions({ queryKey: ["rule vocabulary"], queryFn: api.getRuleVocabulary }),
  targets: imageQueries.targets,
  targetVersions: (name: string) =>
    queryOptions({
      queryKey: routingKeys.targetVersions(name),
      queryFn: () => api.listTargetVersions(name),
    }),
  targetDiff: (name: string, before: number, after: number) =>
    queryOptions({
      queryKey: routingKeys.targetDiff(name, before, after),
      queryFn: () => api.compareTargetVersions(name, before, after),
    }),
  waiting: (target: string) =>
    queryOptions({
      queryKey: routingKeys.waiting(target),
      queryFn: () => api.listWaiting(target),
    }),
  notifications: (status: api.NotificationStatus | null) =>
    pagesOf(
      [...routingKeys.notifications, status],
      api.NOTIFICATIONS_PER_PAGE,
      (after) => api.listNotifications(status, after),
      ({ id }) => id,
    ),
  notificationSettings: queryOptions({
    queryKey: ["notification settings"],
    queryFn: api.getNotificationSettings,
  }),
  health: queryOptions({ queryKey: routingKeys.health, queryFn: api.getHealth }),
  services: queryOptions({
    queryKey: [...routingKeys.health, "services"],
    queryFn: api.getServices,
  }),
};

import type { NotificationEvent, NotificationStatus } from "../../api/routing";

/** Words for what people and programs are told. Pure. */

export const STATUSES = [
  "queued",
  "sending",
  "waiting",
  "sent",
  "failed",
] as const satisfies NotificationStatus[];

export const EVENTS: Record<NotificationEvent, string> = {
  RECEIVED: "All images are there",
  COMPLETED: "Done",
  ERROR: "Failed",
};

export const canRetry = (status: NotificationStatus): boolean =>
  status === "waiting" || status === "failed" || status === "queued";

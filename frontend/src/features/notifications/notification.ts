import type { NotificationEvent, NotificationStatus } from "../../api/routing";
import { t } from "../../i18n";

/** Words for what people and programs are told. Pure. */

export const STATUSES = [
  "queued",
  "sending",
  "waiting",
  "sent",
  "failed",
] as const satisfies NotificationStatus[];

export const EVENTS: Record<NotificationEvent, string> = {
  RECEIVED: t("All images are there"),
  COMPLETED: t("Done"),
  ERROR: t("Failed"),
};

export const canRetry = (status: NotificationStatus): boolean =>
  status === "waiting" || status === "failed" || status === "queued";

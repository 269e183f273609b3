import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleDashed,
  IconClock,
  IconEye,
  IconHandStop,
  IconLoader2,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerTrackNext,
  IconPlugConnectedX,
  IconUnlink,
  type TablerIcon,
} from "@tabler/icons-react";

import type { DeviceStatus, ItemStatus } from "../api/types";
import { t } from "../i18n";

/** A status is never colour alone: icon + word + Okabe-Ito colour. */
export interface StatusLook {
  word: string;
  icon: TablerIcon;
  color: `var(--status-${string})`;
}

const PLANNED: StatusLook = {
  word: t("Planned"),
  icon: IconCircleDashed,
  color: "var(--status-idle)",
};
const RUNNING: StatusLook = {
  word: t("Running"),
  icon: IconPlayerPlay,
  color: "var(--status-running)",
};
const DONE: StatusLook = { word: t("Done"), icon: IconCircleCheck, color: "var(--status-done)" };
const FAILED: StatusLook = {
  word: t("Failed"),
  icon: IconAlertTriangle,
  color: "var(--status-fault)",
};
const STOPPED: StatusLook = { word: t("Stopped"), icon: IconBan, color: "var(--status-stopped)" };
const PAUSED: StatusLook = {
  word: t("Paused"),
  icon: IconPlayerPause,
  color: "var(--status-warn)",
};
const QUEUED: StatusLook = { word: t("Queued"), icon: IconClock, color: "var(--status-idle)" };

/** No contact with the scanner: it may still scan. */
export const LOST: StatusLook = {
  word: t("Lost"),
  icon: IconUnlink,
  color: "var(--status-fault)",
};
export const STOP_UNCONFIRMED: StatusLook = {
  word: t("Stop not confirmed"),
  icon: IconHandStop,
  color: "var(--status-fault)",
};

export const ITEM_STATUS: Record<ItemStatus, StatusLook> = {
  NEW: PLANNED,
  UPDATED: PLANNED,
  STARTED: { ...RUNNING, word: t("Starting"), icon: IconLoader2 },
  INPROGRESS: RUNNING,
  PAUSED,
  FINISHED: DONE,
  ERROR: FAILED,
  CANCELED: STOPPED,
};

export const DEVICE_STATUS: Record<DeviceStatus, StatusLook> = {
  ONLINE: { ...DONE, word: t("Ready") },
  BUSY: { ...RUNNING, word: t("Scanning") },
  OFFLINE: { word: t("Offline"), icon: IconPlugConnectedX, color: "var(--status-idle)" },
  ERROR: { ...FAILED, word: t("Fault") },
};

const WORK_STATUS: Record<string, StatusLook> = {
  queued: QUEUED,
  paused: PAUSED,
  waiting: { ...QUEUED, word: t("Waiting") },
  started: RUNNING,
  running: RUNNING,
  progress: RUNNING,
  sending: { ...RUNNING, word: t("Sending") },
  succeeded: DONE,
  finished: DONE,
  done: DONE,
  complete: { ...RUNNING, word: t("Complete") },
  discarded: { ...STOPPED, word: t("Discarded") },
  sent: { ...DONE, word: t("Sent") },
  stored: { ...DONE, word: t("Stored") },
  retry: { ...QUEUED, word: t("Will retry") },
  failed: FAILED,
  timed_out: { ...FAILED, word: t("Timed out") },
  skipped: {
    ...STOPPED,
    word: t("Skipped"),
    icon: IconPlayerTrackNext,
    color: "var(--status-idle)",
  },
  error: FAILED,
  canceled: STOPPED,
  cancelled: STOPPED,
  stopped: STOPPED,
  lost: LOST,
};

const ACQUISITION_STATE: Record<string, StatusLook> = {
  requested: { ...RUNNING, word: t("Requested"), icon: IconLoader2 },
  accepted: { ...RUNNING, word: t("Accepted"), icon: IconLoader2 },
  running: RUNNING,
  paused: PAUSED,
  stopping: STOP_UNCONFIRMED,
  finished: DONE,
  stopped: STOPPED,
  failed: FAILED,
  lost: LOST,
};

/** Of one run of a task on a scanner. */
export function acquisitionLook(state: string): StatusLook {
  return ACQUISITION_STATE[state] ?? { ...PLANNED, word: state };
}

/** Of runs and dispatches, whose states are lower-case words. */
export function workStatus(status: string): StatusLook {
  return WORK_STATUS[status.toLowerCase()] ?? { ...PLANNED, word: status };
}

export const HEALTH: Record<"ok" | "warning" | "failing", StatusLook> = {
  ok: { ...DONE, word: t("OK") },
  warning: { ...FAILED, word: t("Warning"), color: "var(--status-warn)" },
  failing: { ...FAILED, word: t("Failing") },
};
/** Not in use, by the wish of somebody. */
export const OFF: StatusLook = { ...STOPPED, word: t("Off"), color: "var(--status-idle)" };
export const PAUSED_LOOK = PAUSED;
/** Only watched: a rule in shadow mode. */
export const SHADOW: StatusLook = {
  word: t("Shadow"),
  icon: IconEye,
  color: "var(--status-running)",
};
export const ACTIVE: StatusLook = { ...DONE, word: t("Active") };

const CALIBRATION_STATE: Record<string, StatusLook> = {
  requested: { ...RUNNING, word: t("Under way"), icon: IconLoader2 },
  measured: { ...DONE, word: t("Measured") },
  failed: FAILED,
};

export function calibrationLook(state: string): StatusLook {
  return CALIBRATION_STATE[state] ?? { ...PLANNED, word: state };
}

export const isActive = (status: ItemStatus) =>
  status === "STARTED" || status === "INPROGRESS" || status === "PAUSED";

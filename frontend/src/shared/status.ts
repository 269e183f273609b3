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

/** A status is never colour alone: icon + word + Okabe-Ito colour. */
export interface StatusLook {
  word: string;
  icon: TablerIcon;
  color: `var(--status-${string})`;
}

const PLANNED: StatusLook = {
  word: "Planned",
  icon: IconCircleDashed,
  color: "var(--status-idle)",
};
const RUNNING: StatusLook = {
  word: "Running",
  icon: IconPlayerPlay,
  color: "var(--status-running)",
};
const DONE: StatusLook = { word: "Done", icon: IconCircleCheck, color: "var(--status-done)" };
const FAILED: StatusLook = {
  word: "Failed",
  icon: IconAlertTriangle,
  color: "var(--status-fault)",
};
const STOPPED: StatusLook = { word: "Stopped", icon: IconBan, color: "var(--status-stopped)" };
const PAUSED: StatusLook = {
  word: "Paused",
  icon: IconPlayerPause,
  color: "var(--status-warn)",
};
const QUEUED: StatusLook = { word: "Queued", icon: IconClock, color: "var(--status-idle)" };

/** No contact with the scanner: it may still scan. */
export const LOST: StatusLook = {
  word: "Lost",
  icon: IconUnlink,
  color: "var(--status-fault)",
};
export const STOP_UNCONFIRMED: StatusLook = {
  word: "Stop not confirmed",
  icon: IconHandStop,
  color: "var(--status-fault)",
};

export const ITEM_STATUS: Record<ItemStatus, StatusLook> = {
  NEW: PLANNED,
  UPDATED: PLANNED,
  STARTED: { ...RUNNING, word: "Starting", icon: IconLoader2 },
  INPROGRESS: RUNNING,
  PAUSED,
  FINISHED: DONE,
  ERROR: FAILED,
  CANCELED: STOPPED,
};

export const DEVICE_STATUS: Record<DeviceStatus, StatusLook> = {
  ONLINE: { ...DONE, word: "Ready" },
  BUSY: { ...RUNNING, word: "Scanning" },
  OFFLINE: { word: "Offline", icon: IconPlugConnectedX, color: "var(--status-idle)" },
  ERROR: { ...FAILED, word: "Fault" },
};

const WORK_STATUS: Record<string, StatusLook> = {
  queued: QUEUED,
  paused: PAUSED,
  waiting: { ...QUEUED, word: "Waiting" },
  started: RUNNING,
  running: RUNNING,
  progress: RUNNING,
  sending: { ...RUNNING, word: "Sending" },
  succeeded: DONE,
  finished: DONE,
  done: DONE,
  complete: { ...RUNNING, word: "Complete" },
  discarded: { ...STOPPED, word: "Discarded" },
  sent: { ...DONE, word: "Sent" },
  stored: { ...DONE, word: "Stored" },
  retry: { ...QUEUED, word: "Will retry" },
  failed: FAILED,
  timed_out: { ...FAILED, word: "Timed out" },
  skipped: { ...STOPPED, word: "Skipped", icon: IconPlayerTrackNext, color: "var(--status-idle)" },
  error: FAILED,
  canceled: STOPPED,
  cancelled: STOPPED,
  stopped: STOPPED,
  lost: LOST,
};

const ACQUISITION_STATE: Record<string, StatusLook> = {
  requested: { ...RUNNING, word: "Requested", icon: IconLoader2 },
  accepted: { ...RUNNING, word: "Accepted", icon: IconLoader2 },
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
  ok: { ...DONE, word: "OK" },
  warning: { ...FAILED, word: "Warning", color: "var(--status-warn)" },
  failing: { ...FAILED, word: "Failing" },
};
/** Not in use, by the wish of somebody. */
export const OFF: StatusLook = { ...STOPPED, word: "Off", color: "var(--status-idle)" };
export const PAUSED_LOOK = PAUSED;
/** Only watched: a rule in shadow mode. */
export const SHADOW: StatusLook = { word: "Shadow", icon: IconEye, color: "var(--status-running)" };
export const ACTIVE: StatusLook = { ...DONE, word: "Active" };

const CALIBRATION_STATE: Record<string, StatusLook> = {
  requested: { ...RUNNING, word: "Under way", icon: IconLoader2 },
  measured: { ...DONE, word: "Measured" },
  failed: FAILED,
};

export function calibrationLook(state: string): StatusLook {
  return CALIBRATION_STATE[state] ?? { ...PLANNED, word: state };
}

export const isActive = (status: ItemStatus) =>
  status === "STARTED" || status === "INPROGRESS" || status === "PAUSED";

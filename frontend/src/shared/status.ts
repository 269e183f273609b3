import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleDashed,
  IconClock,
  IconLoader2,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnectedX,
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
const QUEUED: StatusLook = { word: "Queued", icon: IconClock, color: "var(--status-idle)" };

export const ITEM_STATUS: Record<ItemStatus, StatusLook> = {
  NEW: PLANNED,
  UPDATED: PLANNED,
  STARTED: { ...RUNNING, word: "Starting", icon: IconLoader2 },
  INPROGRESS: RUNNING,
  PAUSED: { word: "Paused", icon: IconPlayerPause, color: "var(--status-warn)" },
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
  waiting: { ...QUEUED, word: "Waiting" },
  started: RUNNING,
  running: RUNNING,
  progress: RUNNING,
  sending: { ...RUNNING, word: "Sending" },
  succeeded: DONE,
  finished: DONE,
  sent: { ...DONE, word: "Sent" },
  stored: { ...DONE, word: "Stored" },
  retry: { ...QUEUED, word: "Will retry" },
  failed: FAILED,
  error: FAILED,
  canceled: STOPPED,
  cancelled: STOPPED,
  stopped: STOPPED,
  lost: { ...FAILED, word: "Lost" },
};

/** Of runs and dispatches, whose states are lower-case words. */
export function workStatus(status: string): StatusLook {
  return WORK_STATUS[status.toLowerCase()] ?? { ...PLANNED, word: status };
}

export const isActive = (status: ItemStatus) =>
  status === "STARTED" || status === "INPROGRESS" || status === "PAUSED";

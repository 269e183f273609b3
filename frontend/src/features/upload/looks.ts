import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconClock,
  IconCopy,
  IconFileOff,
  IconLoader2,
} from "@tabler/icons-react";

import type { Import, Outcome } from "../../api/imports";
import { plainReason } from "../../shared/format";
import type { StatusLook } from "../../shared/status";

export const IMPORT_STATE: Record<Import["state"], StatusLook> = {
  receiving: { word: "Arriving", icon: IconLoader2, color: "var(--status-running)" },
  running: { word: "Taken in", icon: IconLoader2, color: "var(--status-running)" },
  done: { word: "Done", icon: IconCircleCheck, color: "var(--status-done)" },
  failed: { word: "Failed", icon: IconAlertTriangle, color: "var(--status-fault)" },
  canceled: { word: "Canceled", icon: IconBan, color: "var(--status-stopped)" },
};

export const OUTCOME: Record<Outcome, StatusLook> = {
  stored: { word: "Stored", icon: IconCircleCheck, color: "var(--status-done)" },
  duplicate: { word: "Here already", icon: IconCopy, color: "var(--status-idle)" },
  conflict: { word: "Kept aside", icon: IconAlertTriangle, color: "var(--status-warn)" },
  quarantined: { word: "Kept aside", icon: IconAlertTriangle, color: "var(--status-warn)" },
  refused: { word: "No image", icon: IconFileOff, color: "var(--status-stopped)" },
};
export const WAITING: StatusLook = {
  word: "Waiting",
  icon: IconClock,
  color: "var(--status-idle)",
};

export const importEnded = ({ state }: Pick<Import, "state">) =>
  state === "done" || state === "failed" || state === "canceled";

/** Where it came from: `Upload by ada`. */
export function originWords({ kind, folder, requested_by }: Import): string {
  const who = plainReason(requested_by);
  if (kind === "folder") return `Folder ${folder.join("/") || "of imports"}, by ${who}`;
  return `${kind === "upload" ? "Upload" : "Data set, played back"} by ${who}`;
}

/** `120 stored, 3 here already, 1 no image`; what did not happen is left out. */
export function resultWords({ files, stored, duplicates, conflicts, refused }: Import): string {
  if (files === 0) return "Nothing yet";
  const parts: [number, string][] = [
    [stored, "stored"],
    [duplicates, "here already"],
    [conflicts, "kept aside"],
    [refused, refused === 1 ? "no image" : "no images"],
  ];
  const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return told.join(", ") || `${files} looked at`;
}

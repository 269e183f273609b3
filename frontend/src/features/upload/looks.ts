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
import { t } from "../../i18n";
import { plainReason } from "../../shared/format";
import type { StatusLook } from "../../shared/status";

export const IMPORT_STATE: Record<Import["state"], StatusLook> = {
  receiving: { word: t("Arriving"), icon: IconLoader2, color: "var(--status-running)" },
  running: { word: t("Taken in"), icon: IconLoader2, color: "var(--status-running)" },
  done: { word: t("Done"), icon: IconCircleCheck, color: "var(--status-done)" },
  failed: { word: t("Failed"), icon: IconAlertTriangle, color: "var(--status-fault)" },
  canceled: { word: t("Canceled"), icon: IconBan, color: "var(--status-stopped)" },
};

export const OUTCOME: Record<Outcome, StatusLook> = {
  stored: { word: t("Stored"), icon: IconCircleCheck, color: "var(--status-done)" },
  duplicate: { word: t("Here already"), icon: IconCopy, color: "var(--status-idle)" },
  conflict: { word: t("Kept aside"), icon: IconAlertTriangle, color: "var(--status-warn)" },
  quarantined: { word: t("Kept aside"), icon: IconAlertTriangle, color: "var(--status-warn)" },
  refused: { word: t("No image"), icon: IconFileOff, color: "var(--status-stopped)" },
};
export const WAITING: StatusLook = {
  word: t("Waiting"),
  icon: IconClock,
  color: "var(--status-idle)",
};

export const importEnded = ({ state }: Pick<Import, "state">) =>
  state === "done" || state === "failed" || state === "canceled";

/** Where it came from: `Upload by ada`. */
export function originWords({ kind, folder, requested_by }: Import): string {
  const who = plainReason(requested_by);
  if (kind === "folder")
    return t("Folder {folder}, by {who}", { folder: folder.join("/") || t("of imports"), who });
  return t("{origin} by {who}", {
    origin: kind === "upload" ? t("Upload") : t("Data set, played back"),
    who,
  });
}

/** `120 stored, 3 here already, 1 no image`; what did not happen is left out. */
export function resultWords({ files, stored, duplicates, conflicts, refused }: Import): string {
  if (files === 0) return t("Nothing yet");
  const parts: [number, string][] = [
    [stored, t("stored")],
    [duplicates, t("here already")],
    [conflicts, t("kept aside")],
    [refused, refused === 1 ? t("no image") : t("no images")],
  ];
  const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return told.join(", ") || t("{files} looked at", { files });
}

import { IconBolt, IconBoltOff, IconRefresh } from "@tabler/icons-react";

import type { StreamState } from "../../api/events";
import { stream } from "../../app";
import { inSentence, t } from "../../i18n";
import { clock } from "../../shared/format";
import type { StatusLook } from "../../shared/status";
import { useStore } from "../../shared/store";
import css from "./shell.module.css";

export const useStreamState = (): StreamState => useStore(stream);

const LOOKS: Record<StreamState["kind"], StatusLook> = {
  connecting: { word: t("Connecting"), icon: IconRefresh, color: "var(--status-idle)" },
  live: { word: t("Live"), icon: IconBolt, color: "var(--status-done)" },
  reconnecting: { word: t("Reconnecting"), icon: IconRefresh, color: "var(--status-warn)" },
  stale: { word: t("Stale"), icon: IconBoltOff, color: "var(--status-fault)" },
};

/** Whether what is on screen is what is: live, reconnecting, or stale since when. */
export function StreamBadge({ compact }: { compact?: boolean }) {
  const state = useStreamState();
  const look = LOOKS[state.kind];
  const Icon = look.icon;
  const since = state.kind === "stale" ? t(" since {since}", { since: clock(state.since) }) : "";
  return (
    <span
      role="status"
      data-testid="stream-state"
      data-state={state.kind}
      className={compact ? css.streamCompact : css.stream}
      style={{ color: look.color }}
      title={t("Event stream: {state}{since}", { state: inSentence(look.word), since })}
    >
      <Icon size={16} aria-hidden />
      <span>{look.word + since}</span>
    </span>
  );
}

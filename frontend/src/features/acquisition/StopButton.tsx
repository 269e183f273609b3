import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { stopDevice } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device, Exam } from "../../api/types";
import { t } from "../../i18n";
import { createStore, useStore } from "../../shared/store";
import { useLatest } from "../../shared/useLatest";
import css from "./acquisition.module.css";
import { type StopOutcome, stopOutcome, stopTargets } from "./stop";

const HOLD_MS = 1_000;
const outcome = createStore<StopOutcome | null>(null);

export const useStopOutcome = () => useStore(outcome);
export const dismissStopOutcome = () => outcome.set(null);

/** Always visible, never disabled, one click, no selection, no question. Esc held for 1 s too. */
export function StopButton({ exam }: { exam: Exam | null }) {
  const client = useQueryClient();
  const examNow = useLatest(exam);

  async function stop(): Promise<void> {
    const sentAt = Date.now();
    outcome.set({ kind: "sending", at: sentAt });
    const devices = client.getQueryData<Device[]>(keys.devices) ?? [];
    const targets = stopTargets(examNow.current, devices);
    const replies = await Promise.allSettled(
      targets.map(({ deviceId, taskId }) => stopDevice(deviceId, taskId)),
    );
    outcome.set(stopOutcome(replies, Date.now()));
  }

  const holding = useEscapeHeld(() => void stop());
  return (
    <button
      type="button"
      className={css.stop}
      aria-label={t("Stop scanner")}
      title={t("Stop the scanner (or hold Esc for 1 second)")}
      data-holding={holding || undefined}
      onClick={() => void stop()}
    >
      <span className={css.octagon}>
        <span className={css.octagonFill} />
        <span className={css.stopWord}>{t("STOP")}</span>
      </span>
    </button>
  );
}

function useEscapeHeld(onHeld: () => void): boolean {
  const [holding, setHolding] = useState(false);
  const latest = useLatest(onHeld);
  useEffect(() => {
    let timer: number | undefined;
    const release = () => {
      window.clearTimeout(timer);
      timer = undefined;
      setHolding(false);
    };
    const press = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.repeat || timer !== undefined) return;
      setHolding(true);
      timer = window.setTimeout(() => {
        setHolding(false);
        latest.current();
      }, HOLD_MS);
    };
    const lift = (event: KeyboardEvent) => {
      if (event.key === "Escape") release();
    };
    // Capture: a dialog that closes on Esc must not swallow the hold.
    window.addEventListener("keydown", press, true);
    window.addEventListener("keyup", lift, true);
    window.addEventListener("blur", release);
    return () => {
      release();
      window.removeEventListener("keydown", press, true);
      window.removeEventListener("keyup", lift, true);
      window.removeEventListener("blur", release);
    };
  }, [latest]);
  return holding;
}

import { Button } from "@mantine/core";
import { lazy, Suspense, useState } from "react";

import type { Task } from "../../api/types";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { clock, duration, secondsBetween } from "../../shared/format";
import { useNow } from "../../shared/useNow";
import css from "./acquisition.module.css";
import { type Silence, taskLook } from "./silence";

const AbandonModal = lazy(() => import("./AbandonModal"));

/** Nobody here knows what the scanner does: since when, what to do, and the way out. */
export function LostScan({ task, silence }: { task: Task; silence: Silence }) {
  const [asking, setAsking] = useState(false);
  const now = useNow(true);
  const look = taskLook(task, silence);
  const lost = silence.kind === "lost";
  const away = secondsBetween(silence.since, now);
  return (
    <section className={css.silent} aria-label={look.word}>
      <div role="alert">
        <h2>
          <look.icon size={20} aria-hidden />
          {lost ? t("No contact with the scanner") : t("The stop is not confirmed")}
        </h2>
      </div>
      {silence.since && (
        <p className="live-number">
          {rich("since {since}", { since: <strong>{clock(silence.since)}</strong> })}
          {away !== null && <span className="dim"> ({duration(away)})</span>}
        </p>
      )}
      <p>
        <strong>{t("Go to the scanner.")}</strong>{" "}
        {lost
          ? t("It may still be scanning. If it must not, stop it at its own console.")
          : t("It was told to stop and may still be scanning. Stop it at its own console.")}
      </p>
      <p className="dim">
        {lost
          ? t("When it comes back by itself, the scan goes on and its data are stored.")
          : t("It is told again when it comes back.")}
      </p>
      <Button variant="default" onClick={() => setAsking(true)}>
        {t("Give up this scan")}
      </Button>
      {asking && (
        <Suspense>
          <AbandonModal
            name={task.name}
            taskId={task.id}
            acquisitionId={silence.acquisitionId}
            onClose={() => setAsking(false)}
          />
        </Suspense>
      )}
    </section>
  );
}

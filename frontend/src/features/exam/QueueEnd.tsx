import { Button } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import type { Exam, Sequence } from "../../api/types";
import { plural, t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { clock, duration } from "../../shared/format";
import { ErrorLine } from "../../shared/states";
import { isActive } from "../../shared/status";
import { useNow } from "../../shared/useNow";
import css from "./queue.module.css";
import { queueOf, remainingQueueSeconds } from "./tree";
import { dismissUndo, takeBack, type Undoable } from "./undo";

/** How much is done and when the room is free. */
export function QueueEnd({ exam, sequences }: { exam: Exam; sequences: Sequence[] | undefined }) {
  const now = useNow(true, 5_000);
  const queue = queueOf(exam);
  const scans = queue.filter(({ task }) => task.task_type === "ACQUISITION");
  const done = scans.filter(({ task }) => task.status === "FINISHED").length;
  const failed = scans.filter(({ task }) => task.status === "ERROR").length;
  const left = remainingQueueSeconds(queue, sequences);
  const running = scans.some(({ task }) => isActive(task.status));
  if (scans.length === 0) return null;
  return (
    <footer className={css.queueEnd} data-testid="queue-end">
      <span>
        {t("{done} of {scans} done", {
          done,
          scans: plural(scans.length, "{n} scan", "{n} scans"),
        })}
      </span>
      {failed > 0 && (
        <span className={css.queueFailed}>
          <IconAlertTriangle size={14} aria-hidden /> {t("{failed} failed", { failed })}
        </span>
      )}
      {left !== null && left > 0 && (
        <>
          <span className="live-number">{t("{left} left", { left: duration(left) })}</span>
          <span className="live-number">
            {running ? t("queue ends") : t("ends")} {clock(now + left * 1000, false)}
            {!running && t(" if started now")}
          </span>
        </>
      )}
      {left === null && (
        <span title={t("A sequence is not chosen, or tells no duration")}>
          {t("end not known")}
        </span>
      )}
    </footer>
  );
}

/** What was just done, and the way back, for ten seconds. */
export function UndoRow({ offer }: { offer: Undoable }) {
  const now = useNow(offer.failed === null, 1_000);
  if (offer.failed !== null) {
    return (
      <div className={css.undoFailed}>
        <ErrorLine error={offer.failed} />
        <Button size="xs" variant="default" onClick={() => dismissUndo(offer.id)}>
          {t("Close")}
        </Button>
      </div>
    );
  }
  const left = Math.max(0, Math.ceil((offer.until - now) / 1000));
  return (
    <div className={css.undo} role="status" data-testid="undo">
      <span>{offer.words}</span>
      <Button
        size="xs"
        variant="default"
        aria-label={t("Undo: {words}", { words: offer.words })}
        onClick={() => void takeBack(offer.id)}
      >
        {rich("Undo<span>{left} s</span>", {
          left,
          span: <span className={css.undoLeft} aria-hidden />,
        })}
      </Button>
    </div>
  );
}

import { IconGripVertical, IconLock, IconPencil } from "@tabler/icons-react";

import { useEffect, useRef } from "react";

import type { Sequence, Task } from "../../api/types";
import { t } from "../../i18n";
import { clock, duration, plainReason, reasonAfter, secondsBetween } from "../../shared/format";
import { ITEM_STATUS, isActive } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { Progress } from "../acquisition/Progress";
import { remainingSeconds } from "../acquisition/progress";
import { taskLook } from "../acquisition/silence";
import { useSilence } from "../acquisition/useSilence";
import { fieldName } from "./deviations";
import { useUnsaved } from "./drafts";
import css from "./queue.module.css";
import { shownReason } from "./repeatReasons";

export const rowId = (taskId: string) => `task-${taskId}`;

interface Props {
  task: Task;
  planned: Sequence | null;
  selected: boolean;
  movable: boolean;
  onSelect: () => void;
}

export function TaskRow({ task, planned, selected, movable, onSelect }: Props) {
  const failed = task.status === "ERROR" || task.status === "CANCELED";
  const active = isActive(task.status);
  const silence = useSilence(task);
  const unsaved = useUnsaved(task);
  const row = useRef<HTMLButtonElement>(null);
  const place = task.position;
  useEffect(() => {
    // Also when it was moved: what is selected is in sight.
    if (selected && place !== undefined) row.current?.scrollIntoView({ block: "nearest" });
  }, [selected, place]);
  return (
    <>
      <span className={css.grip} aria-hidden>
        {active ? (
          <IconLock size={14} data-testid="locked" />
        ) : (
          movable && <IconGripVertical size={14} />
        )}
      </span>
      <button
        ref={row}
        type="button"
        id={rowId(task.id)}
        className={css.row}
        data-testid="task-row"
        data-status={task.status}
        data-silent={silence?.kind}
        aria-current={selected || undefined}
        onClick={onSelect}
      >
        <span className={css.rowTop}>
          <span className={css.rowName} title={task.name}>
            {task.name}
          </span>
          <Changed task={task} />
          <span className={`${css.rowTime} live-number dim`}>
            {active && !silence ? (
              <Left task={task} planned={planned} />
            ) : task.task_type === "ACQUISITION" ? (
              planned?.facts && duration(planned.facts.duration_s)
            ) : (
              t("auto")
            )}
          </span>
        </span>
        <span className={css.rowBottom}>
          <StatusBadge look={taskLook(task, silence)} />
          {silence?.since && (
            <span className={`${css.rowReason} live-number`}>
              {t("since {since}", { since: clock(silence.since) })}
            </span>
          )}
          {active && !silence && <Progress task={task} />}
          {failed && task.status_reason && (
            <span className={css.rowReason} title={plainReason(task.status_reason)}>
              {reasonAfter(ITEM_STATUS[task.status].word, task.status_reason)}
            </span>
          )}
          {unsaved && <span className={css.rowUnsaved}>{t("not saved")}</span>}
          {!active && !failed && task.repeat_reason && (
            <span
              className={css.rowReason}
              title={t("Repeat: {repeatReason}", { repeatReason: shownReason(task.repeat_reason) })}
            >
              {t("Repeat: {repeatReason}", { repeatReason: shownReason(task.repeat_reason) })}
            </span>
          )}
        </span>
      </button>
    </>
  );
}

/** What somebody made different from the protocol. */
function Changed({ task: { deviations = [] } }: { task: Task }) {
  if (deviations.length === 0) return null;
  const fields = deviations.map(({ field }) => fieldName(field)).join(", ");
  const words = t("Not as in the protocol: {fields}", { fields });
  return (
    <span className={css.rowChanged} role="img" aria-label={words} title={words}>
      <IconPencil size={14} aria-hidden />
    </span>
  );
}

function Left({ task, planned }: { task: Task; planned: Sequence | null }) {
  const now = useNow(true);
  const elapsed = secondsBetween(task.started_at, now);
  const left = remainingSeconds(task.progress, elapsed, planned?.facts?.duration_s ?? null);
  return left === null ? null : <>{t("{left} left", { left: duration(left) })}</>;
}

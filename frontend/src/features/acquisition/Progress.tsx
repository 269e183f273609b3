import type { Task } from "../../api/types";
import { t } from "../../i18n";
import css from "./acquisition.module.css";
import { trueProgress } from "./progress";

export function Progress({ task, wide }: { task: Task; wide?: boolean }) {
  const value = trueProgress(task);
  const paused = task.status === "PAUSED";
  return (
    <span className={wide ? css.progressWide : css.progress}>
      <span
        className={css.bar}
        role="progressbar"
        aria-label={t("Progress of {task}", { task: task.name })}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={value ?? undefined}
        data-indeterminate={value === null || undefined}
        data-paused={paused || undefined}
      >
        <span style={value === null ? undefined : { width: `${value}%` }} />
      </span>
      <span className={`${css.percent} live-number`}>{value === null ? "" : `${value} %`}</span>
    </span>
  );
}

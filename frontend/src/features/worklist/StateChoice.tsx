import type { WorkState } from "../../api/worklist";
import { t } from "../../i18n";
import { ITEM_STATUS, type StatusLook } from "../../shared/status";
import css from "./worklist.module.css";

const LOOKS: [WorkState, StatusLook][] = [
  ["planned", ITEM_STATUS.NEW],
  ["running", ITEM_STATUS.INPROGRESS],
  ["done", ITEM_STATUS.FINISHED],
  ["failed", ITEM_STATUS.ERROR],
  ["stopped", ITEM_STATUS.CANCELED],
];

/** How the day stands, and which of it is shown. */
export function StateChoice({
  state,
  counts,
  onState,
}: {
  state: WorkState | null;
  /** Null: not all exams are known here. */
  counts: Record<WorkState, number> | null;
  onState: (state: WorkState | null) => void;
}) {
  const all = counts && Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <div className={css.states} role="group" aria-label={t("State of the exam")}>
      <button type="button" aria-pressed={state === null} onClick={() => onState(null)}>
        {t("All")} {all !== null && <span className={css.count}>{all}</span>}
      </button>
      {LOOKS.map(([one, { word, icon: Icon, color }]) => (
        <button
          key={one}
          type="button"
          aria-pressed={state === one}
          onClick={() => onState(state === one ? null : one)}
        >
          <Icon size={16} color={color} aria-hidden />
          {word} {counts && <span className={css.count}>{counts[one]}</span>}
        </button>
      ))}
    </div>
  );
}

import type { JournalEvent } from "../../api/types";
import { t } from "../../i18n";
import { clock, dayAndClock } from "../../shared/format";
import css from "./exam.module.css";
import { timelineOf } from "./timeline";

/** Events of the journal, newest first; `days` where they may reach back further than today. */
export function TimelineList({ events, days }: { events: JournalEvent[]; days?: boolean }) {
  const lines = timelineOf(events);
  if (lines.length === 0) return <p className="dim">{t("Nothing has happened yet.")}</p>;
  return (
    <ol className={css.timeline} data-days={days || undefined}>
      {lines.map((line) => (
        <li key={line.id} data-fault={line.fault || undefined}>
          <time dateTime={line.time}>{days ? dayAndClock(line.time) : clock(line.time)}</time>
          <span>
            {line.words}
            {line.detail && <span className="dim"> {line.detail}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}

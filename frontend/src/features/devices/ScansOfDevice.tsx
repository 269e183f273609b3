import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import type { Acquisition, Device } from "../../api/types";
import { t } from "../../i18n";
import {
  capitalised,
  clock,
  day,
  duration,
  plainReason,
  secondsBetween,
} from "../../shared/format";
import past from "../../shared/history.module.css";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { acquisitionLook } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { authorName } from "../../shared/schema/words";
import css from "./devices.module.css";

const AbandonModal = lazy(() => import("../acquisition/AbandonModal"));

/** What was scanned on a device: in which state it is, who, when, and why it ended. */
export function ScansOfDevice({ device }: { device: Device }) {
  const scans = useQuery(queries.scansOf(device.id));
  const [givenUp, setGivenUp] = useState<Acquisition | null>(null);
  return (
    <section className={page.detailSection} aria-label={t("Scans on this device")}>
      <QueryView query={scans} rows={4} safe={t("The scans themselves are not affected.")}>
        {(rows) =>
          rows.length === 0 ? (
            <p className="dim">{t("Nothing was scanned on it yet.")}</p>
          ) : (
            <ul className={past.list} aria-label={t("Scans")}>
              {rows.map((row) => (
                <ScanRow key={row.id} row={row} onGiveUp={() => setGivenUp(row)} />
              ))}
            </ul>
          )
        }
      </QueryView>
      <Suspense>
        {givenUp && (
          <AbandonModal
            name={t("the scan on {device}", { device: device.name })}
            acquisitionId={givenUp.id}
            taskId={givenUp.task_id}
            onClose={() => setGivenUp(null)}
          />
        )}
      </Suspense>
    </section>
  );
}

function ScanRow({ row, onGiveUp }: { row: Acquisition; onGiveUp: () => void }) {
  const silent = row.state === "lost" || row.state === "stopping";
  const took = row.ended_at
    ? secondsBetween(row.started_at ?? row.created_at, Date.parse(row.ended_at))
    : null;
  const confirmed = row.safety?.confirmation;
  return (
    <li className={past.row} data-silent={silent || undefined}>
      <div className={page.line}>
        <StatusBadge look={acquisitionLook(row.state)} />
        {row.state !== "finished" && row.progress > 0 && (
          <span className="live-number">{t("at {progress} %", { progress: row.progress })}</span>
        )}
        <span className={past.who}>
          {day(row.created_at)} {clock(row.created_at)}
          {took !== null && ` · ${duration(took)}`}
          {row.requested_by &&
            t(" · by {authorName}", { authorName: authorName(row.requested_by) })}
        </span>
      </div>
      {row.lost_at && (
        <p>{t("No contact since {lostAt}: go to the scanner.", { lostAt: clock(row.lost_at) })}</p>
      )}
      {row.reason && <p className={css.reason}>{capitalised(plainReason(row.reason))}</p>}
      {confirmed && (
        <p className="dim">
          {t("Confirmed by {confirmedBy}: {reason}", {
            confirmedBy: confirmed.confirmed_by,
            reason: confirmed.reason,
          })}
        </p>
      )}
      {(silent || row.exam_id) && (
        <div className={css.rowActions}>
          {row.exam_id && (
            <Link
              to="/exams/$examId"
              params={{ examId: row.exam_id }}
              search={{ task: row.task_id }}
            >
              {t("Open the exam")}
            </Link>
          )}
          {silent && (
            <Button size="xs" variant="default" onClick={onGiveUp}>
              {t("Give up this scan")}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

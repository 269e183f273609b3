import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { type Cleaner, type CleaningPreview, MOST_REMOVED } from "../../api/upkeep";
import { upkeepQueries } from "../../api/upkeepQueries";
import { plural, t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { Bar } from "../../shared/Bar";
import { capitalised, dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { sizeWords } from "../../shared/size";
import { QueryView } from "../../shared/states";
import { HEALTH } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { HealthTabs } from "../../shared/SubNav";
import {
  diskState,
  FATES,
  lastCleaning,
  removedByHand,
  removesNothing,
  retentionFacts,
  usedShare,
} from "./cleaning";
import css from "./cleaning.module.css";
import { Holds } from "./Holds";

interface Props {
  held: boolean;
  onHeld: (held: boolean) => void;
}

/** What is removed and when, what must stay, and what was removed. */
export function CleaningPage({ held, onHeld }: Props) {
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>{t("Cleaning")}</h1>
        <p className="dim">{t("What waits, moves, has failed or is held is never removed.")}</p>
        <div className={page.actions}>
          <div className={page.choice} role="group" aria-label={t("What")}>
            <button type="button" aria-pressed={!held} onClick={() => onHeld(false)}>
              {t("Overview")}
            </button>
            <button type="button" aria-pressed={held} onClick={() => onHeld(true)}>
              {t("Held studies")}
            </button>
          </div>
        </div>
      </header>
      {held ? <Holds /> : <Overview />}
    </div>
  );
}

function Overview() {
  const cleaner = useQuery(upkeepQueries.cleaner);
  return (
    <div className={css.parts}>
      <div className={css.columns}>
        <QueryView query={cleaner} rows={6} safe={t("Images are received and kept as before.")}>
          {(state) => (
            <>
              <Part title={t("Disk of the images")}>
                <Disk cleaner={state} />
              </Part>
              <Part title={t("How long things stay")}>
                <Retained cleaner={state} />
              </Part>
            </>
          )}
        </QueryView>
        <Part title={t("The last cleaning")}>
          <Last />
        </Part>
        <Part title={t("What goes next")}>
          <Next />
        </Part>
        <Part title={t("Removed by hand")}>
          <ByHand />
        </Part>
      </div>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={css.part} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Disk({ cleaner }: { cleaner: Cleaner }) {
  const over = cleaner.over_bytes;
  const emergency = useQuery({ ...upkeepQueries.preview(over), enabled: over > 0 }).data;
  const { look, words } = diskState(cleaner, emergency);
  const used = cleaner.total_bytes - cleaner.free_bytes;
  return (
    <div className={css.disk} role="status" data-fault={look === HEALTH.failing || undefined}>
      <p>
        <StatusBadge look={look} />
        <span className="live-number">
          {t("{used} of {all} used ({percent} %)", {
            used: sizeWords(used),
            all: sizeWords(cleaner.total_bytes),
            percent: Math.round(100 * usedShare(cleaner)),
          })}
        </span>
      </p>
      <Bar
        parts={[
          {
            share: usedShare(cleaner),
            look: look === HEALTH.failing ? "fault" : look === HEALTH.warning ? "warn" : undefined,
          },
        ]}
      />
      <p>{words}</p>
    </div>
  );
}

function Retained({ cleaner: { retention } }: { cleaner: Cleaner }) {
  return (
    <>
      <dl className={css.facts}>
        {retentionFacts(retention).map(({ name, value }) => (
          <div key={name} className={page.fact}>
            <dt>{name}</dt>
            <dd className="live-number">{value}</dd>
          </div>
        ))}
      </dl>
      <p className="dim">
        {t(
          "{removesNothing}{offpeakOnly}Set with SCANHUB_WORKFLOW_CLEAN_… when the service is started.",
          {
            removesNothing: removesNothing(retention) ? t("Nothing is ever removed. ") : "",
            offpeakOnly: retention.offpeak_only
              ? t("What is old is removed in off-peak hours only. ")
              : "",
          },
        )}
      </p>
    </>
  );
}

function Last() {
  const removed = useQuery(upkeepQueries.removed);
  return (
    <QueryView query={removed} rows={2} safe={t("Only the history is missing here.")}>
      {(events) => {
        const last = lastCleaning(events);
        if (!last) return <p className="dim">{t("Nothing was removed yet.")}</p>;
        return (
          <>
            <p className="live-number">
              {t("{time}: {size} freed", {
                time: dayAndClock(last.time),
                size: sizeWords(last.bytes),
              })}
            </p>
            <ul className={css.rows} aria-label={t("What was removed")}>
              {last.rows.map(({ what, reason, count, bytes }) => (
                <li key={`${what} ${reason}`}>
                  <span>
                    {what}
                    {reason && <span className="dim"> {capitalised(reason)}.</span>}
                  </span>
                  <span className="live-number">
                    {count} · {sizeWords(bytes)}
                  </span>
                </li>
              ))}
            </ul>
          </>
        );
      }}
    </QueryView>
  );
}

/** As many as are told. */
const MOST_BY_HAND = 20;

function ByHand() {
  const removed = useQuery(upkeepQueries.removed);
  return (
    <QueryView query={removed} rows={2} safe={t("Only the history is missing here.")}>
      {(events) => {
        const rows = removedByHand(events).slice(0, MOST_BY_HAND);
        if (rows.length === 0) {
          return (
            <p className="dim">
              {t("{which} Administrators remove studies and series in the archive.", {
                which:
                  events.length < MOST_REMOVED
                    ? t("Nothing yet.")
                    : t("Nothing among the last {mostRemoved} removals.", {
                        mostRemoved: MOST_REMOVED,
                      }),
              })}
            </p>
          );
        }
        return (
          <ul className={css.rows} aria-label={t("Removed by hand")}>
            {rows.map(({ id, time, who, why, images, study }) => (
              <li key={id}>
                <span title={study}>
                  {rich("{time} by {who} {why}", {
                    time: dayAndClock(time),
                    who,
                    why: <span className="dim">{why}</span>,
                  })}
                </span>
                <span className="live-number">{plural(images, "{n} image", "{n} images")}</span>
              </li>
            ))}
          </ul>
        );
      }}
    </QueryView>
  );
}

function Next() {
  const preview = useQuery(upkeepQueries.preview(null));
  return (
    <QueryView query={preview} rows={3} safe={t("Nothing is removed by looking.")}>
      {(found) => {
        const files = found.files.filter((kind) => kind.files > 0);
        if (found.series.length === 0 && files.length === 0) {
          return <p className="dim">{t("Nothing is old enough.")}</p>;
        }
        return (
          <>
            <p className="live-number">
              {t("{more}{size} in {images}; the oldest first.", {
                more: found.more ? t("More than ") : "",
                size: sizeWords(found.size_bytes),
                images: plural(found.instances, "{n} image", "{n} images"),
              })}
            </p>
            <ul className={css.rows} aria-label={t("What goes next")}>
              {files.map((kind) => (
                <li key={kind.kind}>
                  <span>
                    {kind.kind === "quarantine"
                      ? t("Files that could not be read")
                      : t("Second objects of a UID")}
                  </span>
                  <span className="live-number">
                    {kind.files} · {sizeWords(kind.size_bytes)}
                  </span>
                </li>
              ))}
              <Series found={found} />
            </ul>
          </>
        );
      }}
    </QueryView>
  );
}

function Series({ found }: { found: CleaningPreview }) {
  return found.series.map((series) => (
    <li key={series.series_instance_uid}>
      <span>
        <Link
          to="/archive"
          search={{ study: series.study_instance_uid, series: series.series_instance_uid }}
        >
          {t("Series of {lastReceivedAt}", {
            lastReceivedAt: dayAndClock(series.last_received_at),
          })}
        </Link>
        <span className="dim"> {FATES[series.fate]}</span>
      </span>
      <span className="live-number">
        {series.instances} · {sizeWords(series.size_bytes)}
      </span>
    </li>
  ));
}

import { Button } from "@mantine/core";
import { IconBan, IconPlayerPause, IconPlayerPlay, IconRefresh } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import {
  type Accession,
  type AccessionState,
  cancelRetrieval,
  pauseRetrieval,
  resumeRetrieval,
  type Retrieval,
  retryRetrieval,
} from "../../api/retrievals";
import { plural, t } from "../../i18n";
import { Bar } from "../../shared/Bar";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { capitalised, dayAndClock, plainReason, withLocalTimes } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PagedList } from "../../shared/PagedList";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import {
  ACCESSION_STATE,
  barOf,
  destinationWords,
  filterWords,
  isOpen,
  METHODS,
  progressWords,
  retrievalLook,
} from "./retrieval";
import css from "./retrieve.module.css";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

/** One list: what became of each study. */
export function RetrievalDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(imageQueries.retrieval(id));
  return (
    <aside className={page.detail} aria-label={t("Retrieval")}>
      <QueryView query={query} rows={8} safe={t("Fetching goes on as before.")}>
        {(row) => (
          <>
            <DetailHead
              title={t("From {source}", { source: row.source })}
              about={progressWords(row)}
              look={retrievalLook(row)}
              onClose={onClose}
            />
            <div className={css.how}>
              <Bar parts={barOf(row)} />
              {row.waits_for && (
                <p>
                  {t("Waits for: {withLocalTimes}", {
                    withLocalTimes: withLocalTimes(row.waits_for),
                  })}
                </p>
              )}
            </div>
            <Actions row={row} />
            <DetailSection title={t("Studies")}>
              <Accessions row={row} />
            </DetailSection>
            <DetailSection title={t("Order")}>
              <Facts row={row} />
            </DetailSection>
          </>
        )}
      </QueryView>
    </aside>
  );
}

function Actions({ row }: { row: Retrieval }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const [asking, setAsking] = useState(false);
  const changed = () => client.invalidateQueries({ queryKey: imageKeys.retrievals });
  const act = useMutation({
    mutationFn: (action: (id: string) => Promise<unknown>) => action(row.id),
    onSettled: changed,
  });
  const may = guarded(mayNot);
  const button = { ...may, disabled: may.disabled || act.isPending };
  const again = row.failed + row.canceled;
  if (row.state === "done") return null;
  return (
    <section className={page.detailSection} aria-label={t("Actions")}>
      <div className={page.buttons}>
        {row.state === "running" && (
          <Button
            {...button}
            variant="default"
            leftSection={<IconPlayerPause size={16} />}
            onClick={() => act.mutate(pauseRetrieval)}
          >
            {t("Pause")}
          </Button>
        )}
        {row.state === "paused" && (
          <Button
            {...button}
            leftSection={<IconPlayerPlay size={16} />}
            onClick={() => act.mutate(resumeRetrieval)}
          >
            {t("Go on")}
          </Button>
        )}
        {isOpen(row) ? (
          <Button
            {...button}
            variant="default"
            leftSection={<IconBan size={16} />}
            onClick={() => setAsking(true)}
          >
            {t("Fetch no more")}
          </Button>
        ) : (
          <Button
            {...button}
            leftSection={<IconRefresh size={16} />}
            onClick={() => act.mutate(retryRetrieval)}
          >
            {plural(again, "Fetch the one that did not come", "Fetch the {n} that did not come")}
          </Button>
        )}
      </div>
      <ErrorLine error={act.error} />
      <Suspense>
        {asking && (
          <ConfirmModal
            title={t("Fetch no more")}
            action={t("Fetch no more")}
            run={() => cancelRetrieval(row.id).finally(changed)}
            onClose={() => setAsking(false)}
          >
            <p>
              {t(
                "Not fetched: {studys}. What has come stays; the others can be fetched later with this list.",
                { studys: plural(row.queued + row.running, "{n} study", "{n} studies") },
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}

function Facts({ row }: { row: Retrieval }) {
  const filter = filterWords(row);
  return (
    <dl className={page.facts}>
      <dt>{t("Way")}</dt>
      <dd>{METHODS[row.method]}</dd>
      <dt>{t("To")}</dt>
      <dd>
        {row.destination ? (
          <Link to="/targets" search={{ id: row.destination }}>
            {row.destination}
          </Link>
        ) : (
          destinationWords(row)
        )}
      </dd>
      {!row.destination && (
        <>
          <dt>{t("Decided by")}</dt>
          <dd>
            {row.forced_rule
              ? t("only {forcedRule}", { forcedRule: row.forced_rule })
              : t("all rules")}
          </dd>
        </>
      )}
      <dt>{t("When")}</dt>
      <dd>{row.offpeak ? t("in off-peak hours only") : t("at once")}</dd>
      <dt>{t("Only")}</dt>
      <dd>{filter.length > 0 ? filter.join("; ") : t("everything of each study")}</dd>
      <dt>{t("Images")}</dt>
      <dd className="live-number">{row.instances}</dd>
      <dt>{t("Asked for by")}</dt>
      <dd>{plainReason(row.requested_by)}</dd>
      <dt>{t("Began")}</dt>
      <dd>{dayAndClock(row.created_at)}</dd>
      {row.ended_at && (
        <>
          <dt>{t("Ended")}</dt>
          <dd>{dayAndClock(row.ended_at)}</dd>
        </>
      )}
    </dl>
  );
}

const STATES = Object.fromEntries(
  Object.entries(ACCESSION_STATE).map(([state, { word }]) => [state, word]),
) as Record<AccessionState, string>;

function Accessions({ row }: { row: Retrieval }) {
  const [state, setState] = useState<AccessionState | null>(null);
  return (
    <PagedList
      query={useInfiniteQuery(imageQueries.accessions(row.id, state))}
      safe={t("Fetching goes on as before.")}
      what={t("studies")}
      label={t("Studies of the list")}
      choices={{ label: t("Which studies"), all: t("In whatever state"), words: STATES }}
      choice={state}
      onChoice={setState}
      rowId={({ number }) => number}
    >
      {(one) => <AccessionLine one={one} />}
    </PagedList>
  );
}

function AccessionLine({ one }: { one: Accession }) {
  const { accession_number, state, series, retrieved, reason, attempt } = one;
  const [study] = series;
  return (
    <>
      <div className={page.line}>
        <StatusBadge look={ACCESSION_STATE[state]} />
        <strong className="mono">{accession_number}</strong>
        <span className="dim live-number">
          {series.length > 0 &&
            t("{series}, {images}", {
              series: plural(series.length, "{n} series", "{n} series"),
              images: plural(retrieved, "{n} image", "{n} images"),
            })}
          {attempt > 1 && t(" · attempt {attempt}", { attempt })}
        </span>
        {study && retrieved > 0 && (
          <Link to="/archive" search={{ study: study.study_instance_uid }} className={page.lineEnd}>
            {t("Look at it")}
          </Link>
        )}
      </div>
      {reason && <p className={css.fault}>{capitalised(reason)}</p>}
    </>
  );
}

import { Button } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { runKeys, runQueries } from "../../api/runQueries";
import {
  drainWorker,
  pauseQueue,
  resumeQueue,
  resumeWorker,
  type Worker,
  type WorkQueue,
} from "../../api/runs";
import { t } from "../../i18n";
import { dayAndClock, duration, secondsBetween } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayTryOut } from "../../shared/roles";
import { authorName } from "../../shared/schema/words";
import { HealthTabs } from "../../shared/SubNav";
import { ErrorLine, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { drainWords, loadWords, placeOf, queueLook, STATE_WORDS, workerLook } from "./work";
import css from "./work.module.css";

const PauseModal = lazy(() => import("./PauseModal"));

/** Who computes and sends: the queues, and the processes that share their work. */
export function WorkPage() {
  const queues = useQuery(runQueries.queues);
  const workers = useQuery(runQueries.workers);
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>{t("Processing")}</h1>
        <p className="dim">{t("Queues, and the servers and workers that share their work.")}</p>
      </header>
      <div className={css.parts}>
        <section aria-label={t("Queues")} className={css.part}>
          <h2>{t("Queues")}</h2>
          <QueryView query={queues} rows={7} safe={t("Work goes on; it could not be read.")}>
            {(all) => (
              <ul className={css.rows}>
                {all.map((queue) => (
                  <QueueRow key={queue.name} queue={queue} />
                ))}
              </ul>
            )}
          </QueryView>
        </section>
        <section aria-label={t("Processes")} className={css.part}>
          <h2>{t("Processes")}</h2>
          <QueryView query={workers} rows={3} safe={t("Work goes on; it could not be read.")}>
            {(all) => (
              <ul className={css.rows}>
                {all.map((worker) => (
                  <WorkerRow key={worker.name} worker={worker} />
                ))}
              </ul>
            )}
          </QueryView>
        </section>
      </div>
    </div>
  );
}

function QueueRow({ queue }: { queue: WorkQueue }) {
  const { name, description, paused, problem, served_by } = queue;
  return (
    <li aria-label={name}>
      <StatusBadge look={queueLook(queue)} />
      <div className={css.what}>
        <p>
          <strong>{name}</strong> <span className="dim">{description}</span>
        </p>
        <p className="live-number">
          {loadWords(queue)}
          <span className="dim">
            {served_by.length > 0
              ? t(" · served by {servedBy}", { servedBy: served_by.join(", ") })
              : t(" · served by nobody")}
          </span>
        </p>
        {paused && (
          <p>
            {t("Paused by {authorName} since {pausedAt}{reason}", {
              authorName: authorName(paused.paused_by),
              pausedAt: dayAndClock(paused.paused_at),
              reason: paused.reason ? `: ${paused.reason}` : "",
            })}
          </p>
        )}
        {problem && <p className={css.problem}>{problem}</p>}
      </div>
      <Hold
        verb={t("Pause")}
        what={name}
        held={Boolean(paused)}
        hold={(reason) => pauseQueue(name, reason)}
        release={() => resumeQueue(name)}
      >
        {t(
          "What runs comes to its end. All else waits, in every process and over restarts, until somebody goes on.",
        )}
      </Hold>
    </li>
  );
}

function WorkerRow({ worker }: { worker: Worker }) {
  const now = useNow(worker.running.length > 0);
  const { name, kind, host, pid, version, queues, paused, state, started_at, seen_at, drain } =
    worker;
  const told = drainWords(worker) ?? STATE_WORDS[state];
  return (
    <li aria-label={name}>
      <StatusBadge look={workerLook(worker)} />
      <div className={css.what}>
        <p>
          <strong>{name}</strong>{" "}
          <span className="dim">
            {t("{kind} {version} on {host}, process {pid}", { kind, version, host, pid })}
          </span>
        </p>
        <p className="dim live-number">
          {t("Since {startedAt}, last sign {seenAt}", {
            startedAt: dayAndClock(started_at),
            seenAt: dayAndClock(seen_at),
          })}
        </p>
        <p>
          {queues.length > 0 ? queues.join(", ") : t("no queue")}
          {paused.length > 0 && (
            <span className="dim"> {t("· paused: {paused}", { paused: paused.join(", ") })}</span>
          )}
        </p>
        {drain && (
          <p>
            {t("Drained by {authorName} since {drainedAt}{reason}", {
              authorName: authorName(drain.drained_by),
              drainedAt: dayAndClock(drain.drained_at),
              reason: drain.reason ? `: ${drain.reason}` : "",
            })}
          </p>
        )}
        {told && <p className={css.problem}>{told}</p>}
        {worker.running.length > 0 && (
          <ul className={css.doing} aria-label={t("What {name} works on", { name })}>
            {worker.running.map(({ queue, kind: what, key, since }) => {
              const place = placeOf(what, key);
              const words = (
                <>
                  {what} <span className="dim">{t("of {queue}", { queue })}</span>
                </>
              );
              return (
                <li key={`${what} ${key}`}>
                  {place ? <Link {...place}>{words}</Link> : <span>{words}</span>}
                  <span className="dim live-number">{duration(secondsBetween(since, now))}</span>
                </li>
              );
            })}
          </ul>
        )}
      </div>
      {queues.length > 0 && <Draining worker={worker} />}
    </li>
  );
}

/** Lets a process begin nothing more, and go on. */
function Draining({ worker: { name, state, drain } }: { worker: Worker }) {
  // One that is lost or ends by itself begins nothing anyway.
  if (!drain && state !== "running") return null;
  return (
    <Hold
      verb={t("Drain")}
      what={name}
      held={Boolean(drain)}
      hold={(reason) => drainWorker(name, reason)}
      release={() => resumeWorker(name)}
    >
      {t(
        "It ends what it does and begins nothing more, of any queue; what waits is done by the other processes. It works again when somebody lets it go on, or when it is started again.",
      )}
    </Hold>
  );
}

interface HoldProps {
  verb: string;
  /** The queue or the process. */
  what: string;
  held: boolean;
  hold: (reason: string) => Promise<unknown>;
  release: () => Promise<unknown>;
  /** What holding it means. */
  children: ReactNode;
}

/** Lets nothing more begin, with a reason, and lets it go on. */
function Hold({ verb, what, held, hold, release, children }: HoldProps) {
  const client = useQueryClient();
  const mayNot = useMayTryOut();
  const [asking, setAsking] = useState(false);
  const goOn = useMutation({
    mutationFn: release,
    onSettled: () => client.invalidateQueries({ queryKey: runKeys.work }),
  });
  return (
    <div>
      {held ? (
        <Button
          size="xs"
          leftSection={<IconPlayerPlay size={16} />}
          {...guarded(mayNot)}
          loading={goOn.isPending}
          onClick={() => goOn.mutate()}
        >
          {t("Go on")}
        </Button>
      ) : (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlayerPause size={16} />}
          {...guarded(mayNot)}
          onClick={() => setAsking(true)}
        >
          {verb}
        </Button>
      )}
      <ErrorLine error={goOn.error} />
      <Suspense>
        {asking && (
          <PauseModal title={`${verb} ${what}`} pause={hold} onClose={() => setAsking(false)}>
            <p>{children}</p>
          </PauseModal>
        )}
      </Suspense>
    </div>
  );
}

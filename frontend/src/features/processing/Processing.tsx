import { Button } from "@mantine/core";
import { IconPlayerTrackNext, IconRefresh, IconSquare } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { imageKeys } from "../../api/imageQueries";
import type { CaseDetail } from "../../api/images";
import {
  cancelProcessing,
  type ProcessingRun,
  retryProcessing,
  runFileUrl,
} from "../../api/processing";
import { plural, t } from "../../i18n";
import { Bar } from "../../shared/Bar";
import { DetailSection } from "../../shared/DetailSection";
import {
  capitalised,
  dayAndClock,
  duration,
  plainReason,
  withLocalTimes,
} from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { authorName } from "../../shared/schema/words";
import { ErrorLine } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { FileLink } from "../files/FileLink";
import { PriorityChoice } from "../runs/PriorityChoice";
import { Chain } from "./Chain";
import { doneOf, firstUndone, isOpen, madeSeries, runLook, tookSeconds } from "./processing";
import { Review } from "./Review";
import css from "./processing.module.css";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

/** The modules that ran for a case: where they stand, what they said and what they made. */
export function Processing({ whole }: { whole: CaseDetail }) {
  const [newest, ...earlier] = whole.processing ?? [];
  if (!newest) return null;
  return (
    <DetailSection title={t("Modules")}>
      <RunHead run={newest} told={whole.reason} />
      <RunOfModules key={newest.id} whole={whole} run={newest} />
      {earlier.length > 0 && (
        <details className={css.earlier}>
          <summary>{plural(earlier.length, "{n} earlier run", "{n} earlier runs")}</summary>
          {earlier.map((run) => (
            <div key={run.id} className={css.run}>
              <RunHead run={run} />
              <Chain run={run} closed />
            </div>
          ))}
        </details>
      )}
    </DetailSection>
  );
}

/** What may be done with a run of a case, its modules, and what they made. */
export function RunOfModules({ whole, run }: { whole: CaseDetail; run: ProcessingRun }) {
  const newest = whole.processing?.[0]?.id === run.id;
  return (
    <>
      {run.review && <Review caseId={whole.id} review={run.review} />}
      {newest && run.state === "queued" && (
        <PriorityChoice run={{ kind: "case", id: run.id }} priority={run.priority} />
      )}
      {newest && <RunActions whole={whole} run={run} />}
      <Chain run={run} begin={newest && mayGoOn(whole, run) ? whole.id : null} />
      {newest && <Made whole={whole} run={run} />}
    </>
  );
}

/** Where a run stands; its reason, unless that is told already. */
function RunHead({ run, told }: { run: ProcessingRun; told?: string }) {
  const open = isOpen(run);
  const now = useNow(open);
  const { done, all } = doneOf(run);
  const took = tookSeconds(run, now);
  const waited = tookSeconds({ started_at: run.created_at, ended_at: null }, now);
  return (
    <div className={css.runHead}>
      <div className={page.line}>
        <StatusBadge look={runLook(run.state)} />
        {run.number > 1 && <span>{t("Run {number}", { number: run.number })}</span>}
        <span className="dim live-number">
          {t("{done} of {modules} done{took}{state}", {
            done,
            modules: plural(all, "{n} module", "{n} modules"),
            took: took !== null ? ` · ${duration(took)}` : "",
            state:
              run.state === "queued"
                ? t(" · waits for {waited}", { waited: duration(waited) })
                : "",
          })}
        </span>
        <span className={`dim live-number ${page.lineEnd}`}>
          {dayAndClock(run.started_at ?? run.created_at)}
        </span>
      </div>
      {open && <Bar parts={[{ share: all > 0 ? done / all : 0 }]} />}
      {run.reason && run.reason !== told && run.state !== "succeeded" && (
        <p className={css.reason} data-fault={run.state === "failed" || undefined}>
          {withLocalTimes(capitalised(plainReason(run.reason)))}
        </p>
      )}
      {run.requested_by && (
        <p className="dim">
          {t("Asked for by {authorName}.", { authorName: authorName(run.requested_by) })}
        </p>
      )}
    </div>
  );
}

/** What came out: images in the archive, and other files. */
function Made({ whole, run }: { whole: CaseDetail; run: ProcessingRun }) {
  const series = madeSeries(whole.series);
  if (series.length === 0 && run.other_files.length === 0 && run.images === null) return null;
  return (
    <div className={css.made} role="group" aria-label={t("What came out")}>
      <h4>{t("What came out")}</h4>
      {run.images === 0 && <p className="dim">{t("No images.")}</p>}
      {series.length > 0 && (
        <ul>
          {series.map(({ series_instance_uid, series_description, instances }) => (
            <li key={series_instance_uid}>
              <Link
                to="/archive"
                search={{ study: whole.study_instance_uid, series: series_instance_uid }}
                className={page.rowLink}
              >
                <span>{series_description || t("Series without description")}</span>
                <span className="dim">{plural(instances, "{n} image", "{n} images")}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {run.other_files.length > 0 && (
        <ul className={css.files} aria-label={t("Files")}>
          {run.other_files.map((name) => (
            <li key={name}>
              <FileLink url={runFileUrl(run.id, name)} name={name} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const mayGoOn = (whole: CaseDetail, run: ProcessingRun): boolean =>
  whole.state === "failed" && !isOpen(run) && run.state !== "succeeded";

function RunActions({ whole, run }: { whole: CaseDetail; run: ProcessingRun }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const [stopping, setStopping] = useState(false);
  const changed = () => client.invalidateQueries({ queryKey: imageKeys.cases });
  const retry = useMutation({
    mutationFn: (start: "failed" | "first") => retryProcessing(whole.id, start),
    onSettled: changed,
  });
  const ended = mayGoOn(whole, run);
  const undone = firstUndone(run);
  // Where its modules have ended, a person decides, and nothing is left to be stopped.
  const moves = isOpen(run) && run.state !== "review";
  if (!moves && !ended) return null;
  return (
    <>
      <div className={page.buttons}>
        {moves && (
          <Button
            variant="default"
            leftSection={<IconSquare size={16} />}
            {...guarded(mayNot)}
            onClick={() => setStopping(true)}
          >
            {t("Stop the modules")}
          </Button>
        )}
        {ended && undone && undone.position > 1 && (
          <Button
            leftSection={<IconPlayerTrackNext size={16} />}
            {...guarded(mayNot)}
            loading={retry.isPending}
            onClick={() => retry.mutate("failed")}
          >
            {t("Go on with {module}", { module: undone.module })}
          </Button>
        )}
        {ended && (
          <Button
            variant={undone && undone.position > 1 ? "default" : "filled"}
            leftSection={<IconRefresh size={16} />}
            {...guarded(mayNot)}
            loading={retry.isPending}
            title={mayNot ?? t("By the rule and the modules as they are by now")}
            onClick={() => retry.mutate("first")}
          >
            {t("Begin anew")}
          </Button>
        )}
      </div>
      <ErrorLine error={retry.error} />
      <Suspense>
        {stopping && (
          <ConfirmModal
            title={t("Stop the modules")}
            action={t("Stop")}
            run={() => cancelProcessing(whole.id).finally(changed)}
            onClose={() => setStopping(false)}
          >
            <p>
              {t(
                "The module that runs is killed with all that it started, and none begins. The case fails; its images stay, and it can be tried again.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </>
  );
}

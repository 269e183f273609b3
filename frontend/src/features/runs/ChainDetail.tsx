import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { imageQueries } from "../../api/imageQueries";
import type { CaseDetail } from "../../api/images";
import type { ProcessingRun } from "../../api/processing";
import { runQueries } from "../../api/runQueries";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { patientWords } from "../../shared/dicomText";
import {
  capitalised,
  dayAndClock,
  duration,
  plainReason,
  withLocalTimes,
} from "../../shared/format";
import page from "../../shared/page.module.css";
import { authorName } from "../../shared/schema/words";
import { QueryView } from "../../shared/states";
import { useNow } from "../../shared/useNow";
import { subjectWords } from "../cases/looks";
import { isOpen, runLook, tookSeconds } from "../processing/processing";
import { RunOfModules } from "../processing/Processing";
import { RunTimeline } from "./RunTimeline";
import { SessionLeft } from "./SessionLeft";

interface Props {
  id: string;
  onClose: () => void;
}

/** One run of the modules of a case: where it stands, what was said, made and left. */
export function ChainDetail({ id, onClose }: Props) {
  const query = useQuery(runQueries.chain(id));
  return (
    <aside className={page.detail} aria-label={t("Run")}>
      <QueryView query={query} rows={8} safe={t("The modules themselves are not affected.")}>
        {(run) => <OfCase run={run} onClose={onClose} />}
      </QueryView>
    </aside>
  );
}

function OfCase({ run, onClose }: { run: ProcessingRun; onClose: () => void }) {
  const query = useQuery(imageQueries.case(run.case_id));
  const now = useNow(isOpen(run));
  const took = tookSeconds(run, now);
  const fault = ["failed", "timed_out", "rejected"].includes(run.state);
  return (
    <>
      <DetailHead
        title={run.steps.map(({ module }) => module).join(" → ") || t("Modules")}
        about={t("Asked for {createdAt}{which}", {
          createdAt: dayAndClock(run.created_at),
          which: took === null ? "" : ` · ${duration(took)}`,
        })}
        look={runLook(run.state)}
        onClose={onClose}
      />
      {run.reason && run.state !== "succeeded" && run.state !== "review" && (
        <p className={page.reason} data-fault={fault || undefined}>
          {withLocalTimes(capitalised(plainReason(run.reason)))}
        </p>
      )}
      <QueryView query={query} rows={6} safe={t("The modules themselves are not affected.")}>
        {(whole) => (
          <>
            <DetailSection title={t("Modules")}>
              <RunOfModules whole={whole} run={run} />
            </DetailSection>
            <SessionLeft run={{ kind: "case", id: run.id }} open={isOpen(run)} />
            <Where whole={whole} run={run} />
          </>
        )}
      </QueryView>
      <RunTimeline id={run.id} />
    </>
  );
}

function Where({ whole, run }: { whole: CaseDetail; run: ProcessingRun }) {
  return (
    <DetailSection title={t("Where it belongs")}>
      <dl className={page.facts}>
        <dt>{t("Case")}</dt>
        <dd>
          <Link to="/cases" search={{ id: whole.id }}>
            {patientWords(whole)}
          </Link>
          <span className="dim"> {subjectWords(whole)}</span>
        </dd>
        <dt>{t("Rule")}</dt>
        <dd>
          {whole.rule && (
            <Link to="/rules" search={{ id: whole.rule }}>
              {whole.rule}
            </Link>
          )}
          {whole.rule_version !== null && (
            <span className="dim">
              {" "}
              {t("version {ruleVersion}", { ruleVersion: whole.rule_version })}
            </span>
          )}
        </dd>
        <dt>{t("Run of the case")}</dt>
        <dd className="live-number">{run.number}</dd>
        {run.requested_by && (
          <>
            <dt>{t("Asked for by")}</dt>
            <dd>{authorName(run.requested_by)}</dd>
          </>
        )}
        {run.deadline_at && (
          <>
            <dt>{t("Deadline")}</dt>
            <dd>{dayAndClock(run.deadline_at)}</dd>
          </>
        )}
      </dl>
    </DetailSection>
  );
}

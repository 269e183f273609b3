import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { imageQueries } from "../../api/imageQueries";
import type { CaseDetail as Whole } from "../../api/images";
import { inSentence, plural, t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { patientWords } from "../../shared/dicomText";
import { capitalised, dayAndClock, plainReason, withLocalTimes } from "../../shared/format";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { TimelineList } from "../exam/TimelineList";
import { Processing } from "../processing/Processing";
import { Sendings } from "../queue/Sendings";
import { PRIORITY_WORDS } from "../queue/sending";
import { CaseActions } from "./CaseActions";
import { Explanation } from "./Explanation";
import { CASE_STATE, caseReason, ruleWords, subjectWords } from "./looks";

/** Everything about one case: where it stands, why, what was decided and what is sent. */
export function CaseDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(imageQueries.case(id));
  return (
    <aside className={page.detail} aria-label={t("Case")}>
      <QueryView query={query} rows={8} safe={t("The case itself goes on as before.")}>
        {(whole) => <Whole whole={whole} onClose={onClose} />}
      </QueryView>
    </aside>
  );
}

function Whole({ whole, onClose }: { whole: Whole; onClose: () => void }) {
  return (
    <>
      <DetailHead
        title={patientWords(whole)}
        about={[whole.patient_id, subjectWords(whole)].filter(Boolean).join(" · ")}
        look={CASE_STATE[whole.state]}
        onClose={onClose}
      />
      {whole.processing?.[0]?.state !== "review" && (
        <p className={page.reason} data-fault={whole.state === "failed" || undefined}>
          {withLocalTimes(caseReason(whole, plainReason))}
          {whole.waits_until && !/\buntil\b/.test(whole.reason) && (
            <span className="dim">
              {" "}
              {t("Until {waitsUntil} at the latest.", {
                waitsUntil: dayAndClock(whole.waits_until),
              })}
            </span>
          )}
        </p>
      )}
      <CaseActions shown={whole} />
      <Processing whole={whole} />
      <DetailSection title={t("Case")}>
        <Facts whole={whole} />
      </DetailSection>
      <DetailSection
        title={
          whole.series.length === 1
            ? t("Series")
            : plural(whole.series.length, "{n} series", "{n} series")
        }
      >
        <SeriesList whole={whole} />
      </DetailSection>
      <DetailSection title={t("Sent to")}>
        {whole.dispatches.length > 0 ? (
          <Sendings dispatches={whole.dispatches} />
        ) : (
          <p className="dim">
            {whole.state === "discarded"
              ? t("Nothing: it was discarded. Its images are in the archive.")
              : t("Nothing is to be sent, or not yet.")}
          </p>
        )}
      </DetailSection>
      <DetailSection title={t("Why these rules")}>
        <Explanation series={whole.series} />
      </DetailSection>
      <DetailSection title={t("Timeline")}>
        <TimelineList events={whole.timeline} days />
      </DetailSection>
    </>
  );
}

/** As a sentence about the images begins. */
const ACTION_WORDS: Record<string, string> = {
  both: t("Process and send"),
  notification: t("Only tell of"),
  route: t("Send"),
};

function Facts({ whole }: { whole: Whole }) {
  return (
    <dl className={page.facts}>
      <dt>{t("Rule")}</dt>
      <dd>
        {ruleWords(whole)}
        {whole.rule_version !== null && (
          <span className="dim">
            {" "}
            {t("version {ruleVersion}", { ruleVersion: whole.rule_version })}
          </span>
        )}
      </dd>
      <dt>{t("What for")}</dt>
      <dd>
        {whole.action === "none"
          ? t("Nothing: no rule fired")
          : t("{action} the {kind}", {
              action: ACTION_WORDS[whole.action] ?? capitalised(whole.action),
              kind: whole.kind === "study" ? t("study") : t("series"),
            })}
        {whole.priority !== "normal" && `, ${inSentence(PRIORITY_WORDS[whole.priority])}`}
      </dd>
      <dt>{t("Opened")}</dt>
      <dd>{dayAndClock(whole.opened_at)}</dd>
      <dt>{t("Last image")}</dt>
      <dd>{dayAndClock(whole.last_received_at)}</dd>
      {whole.complete_at && (
        <>
          <dt>{t("Complete")}</dt>
          <dd>
            {dayAndClock(whole.complete_at)}
            {whole.complete_reason && (
              <span className="dim"> {withLocalTimes(plainReason(whole.complete_reason))}</span>
            )}
          </dd>
        </>
      )}
      {whole.ended_at && (
        <>
          <dt>{t("Ended")}</dt>
          <dd>{dayAndClock(whole.ended_at)}</dd>
        </>
      )}
      {whole.files_kept_until && (
        <>
          <dt>{t("Files kept")}</dt>
          <dd>
            {t("at least until {filesKeptUntil}", {
              filesKeptUntil: dayAndClock(whole.files_kept_until),
            })}
          </dd>
        </>
      )}
      {whole.study_description && (
        <>
          <dt>{t("Study")}</dt>
          <dd>{whole.study_description}</dd>
        </>
      )}
      {whole.accession_number && (
        <>
          <dt>{t("Accession")}</dt>
          <dd className="mono">{whole.accession_number}</dd>
        </>
      )}
      {whole.exam_id && (
        <>
          <dt>{t("Exam")}</dt>
          <dd>
            <Link to="/exams/$examId" params={{ examId: whole.exam_id }}>
              {t("Scanned here")}
            </Link>
          </dd>
        </>
      )}
    </dl>
  );
}

function SeriesList({ whole }: { whole: Whole }) {
  if (whole.series.length === 0) return <p className="dim">{t("None yet.")}</p>;
  return (
    <ul>
      {whole.series.map((series) => (
        <li key={series.series_instance_uid}>
          <Link
            to="/archive"
            search={{ study: whole.study_instance_uid, series: series.series_instance_uid }}
            className={page.rowLink}
          >
            <span>
              {series.series_description || t("Series without description")}
              {series.derived && <span className="dim"> {t("made by a module")}</span>}
            </span>
            <span className="dim">{plural(series.instances, "{n} image", "{n} images")}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { imageQueries } from "../../api/imageQueries";
import type { DispatchDetail as Whole, Pause } from "../../api/images";
import { plural, t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { patientWords } from "../../shared/dicomText";
import { capitalised, dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { answerWords, recoded } from "../commitments/commitment";
import { TimelineList } from "../exam/TimelineList";
import { DispatchActions } from "./DispatchActions";
import { ByReason } from "./ByReason";
import { dispatchLook, lateWords, PRIORITY_WORDS, whyWords } from "./sending";

interface Props {
  id: string;
  pauses: Pause[];
  onClose: () => void;
  onSelect: (id: string) => void;
}

/** One series on its way to one target: how far, why it waits, what each image said. */
export function DispatchDetail(props: Props) {
  const query = useQuery(imageQueries.dispatch(props.id));
  return (
    <aside className={page.detail} aria-label={t("Sending")}>
      <QueryView query={query} rows={8} safe={t("Sending goes on as before.")}>
        {(whole) => <Shown {...props} whole={whole} />}
      </QueryView>
    </aside>
  );
}

function Shown({ id, whole, pauses, onClose, onSelect }: Props & { whole: Whole }) {
  const history = useQuery(imageQueries.dispatchHistory(id));
  const why = whyWords(whole);
  return (
    <>
      <DetailHead
        title={t("To {target}", { target: whole.target })}
        about={[patientWords(whole), whole.series_description].filter(Boolean).join(" · ")}
        look={dispatchLook(whole, pauses)}
        onClose={onClose}
      />
      {why && (
        <p className={page.reason} data-fault={whole.status === "failed" || undefined}>
          {why}
        </p>
      )}
      <section className={page.detailSection} aria-label={t("Actions")}>
        <DispatchActions dispatch={whole} onRedirected={onSelect} />
      </section>
      <DetailSection title={t("Sending")}>
        <Facts whole={whole} />
      </DetailSection>
      {whole.failures.length > 0 && (
        <DetailSection title={t("Not sent at the last attempt: {n}", { n: whole.failures.length })}>
          <ByReason rows={whole.failures} />
        </DetailSection>
      )}
      {whole.commitments.length > 0 && (
        <DetailSection title={t("Storage commitment")}>
          <Commitments whole={whole} />
        </DetailSection>
      )}
      {whole.transcoded_instances > 0 && (
        <DetailSection
          title={t("Sent in another encoding: {transcodedInstances} of {instances}", {
            transcodedInstances: whole.transcoded_instances,
            instances: whole.instances,
          })}
        >
          <ByReason rows={recoded(whole)} />
          {whole.transcoded.length < whole.transcoded_instances && (
            <p className="dim">{t("The first {n} are listed.", { n: whole.transcoded.length })}</p>
          )}
        </DetailSection>
      )}
      <DetailSection title={t("Timeline")}>
        <QueryView query={history} rows={3} safe={t("Only the history is missing here.")}>
          {(events) => <TimelineList events={events} days />}
        </QueryView>
      </DetailSection>
    </>
  );
}

/** What the node said when it was asked whether it keeps the images, the last answer first. */
function Commitments({ whole }: { whole: Whole }) {
  return (
    <ul className={page.lines} aria-label={t("Storage commitment")}>
      {whole.commitments.map((asked) => (
        <li key={asked.transaction_uid} title={asked.transaction_uid}>
          <div className={page.line}>
            <span>
              {capitalised(answerWords(asked))}
              {whole.commitments.length > 1 && (
                <span className="dim"> {t("attempt {attempt}", { attempt: asked.attempt })}</span>
              )}
            </span>
            <span className={`dim live-number ${page.lineEnd}`}>
              {dayAndClock(asked.answered_at ?? asked.requested_at)}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Facts({ whole }: { whole: Whole }) {
  return (
    <dl className={page.facts}>
      <dt>{t("Sent")}</dt>
      <dd className="live-number">
        {t("{sent} of {images}", {
          sent: whole.sent,
          images: plural(whole.instances, "{n} image", "{n} images"),
        })}
        {lateWords(whole)}
      </dd>
      {whole.stored > 0 && (
        <>
          <dt>{t("Not confirmed")}</dt>
          <dd className="live-number">
            {t("{stored} taken, not confirmed to be kept yet", { stored: whole.stored })}
          </dd>
        </>
      )}
      <dt>{t("Attempt")}</dt>
      <dd className="live-number">{whole.attempt}</dd>
      <dt>{t("Priority")}</dt>
      <dd>{PRIORITY_WORDS[whole.priority ?? "normal"]}</dd>
      <dt>{t("Queued")}</dt>
      <dd>{dayAndClock(whole.created_at)}</dd>
      {whole.ended_at && (
        <>
          <dt>{t("Ended")}</dt>
          <dd>{dayAndClock(whole.ended_at)}</dd>
        </>
      )}
      <dt>{t("Patient ID")}</dt>
      <dd className="mono">{whole.patient_id || t("none")}</dd>
      <dt>{t("Study")}</dt>
      <dd>
        {whole.removed_at ? (
          <>
            {whole.study_description}
            <span className="dim">
              {" "}
              {t("Left the archive {removedAt}.", { removedAt: dayAndClock(whole.removed_at) })}
            </span>
          </>
        ) : (
          <Link
            to="/archive"
            search={{ study: whole.study_instance_uid, series: whole.series_instance_uid }}
          >
            {whole.study_description || t("Look at the images")}
          </Link>
        )}
      </dd>
      <dt>{t("Case")}</dt>
      <dd>
        {whole.case_id ? (
          <Link to="/cases" search={{ id: whole.case_id }}>
            {t("Why it is sent")}
          </Link>
        ) : (
          <span className="dim">{t("none: sent by hand")}</span>
        )}
      </dd>
    </dl>
  );
}

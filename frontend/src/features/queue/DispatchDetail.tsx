import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { imageQueries } from "../../api/imageQueries";
import type { DispatchDetail as Whole, Pause } from "../../api/images";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { patientWords } from "../../shared/dicomText";
import { capitalised, counted, dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { answerWords, recoded } from "../commitments/commitment";
import { TimelineList } from "../exam/TimelineList";
import { DispatchActions } from "./DispatchActions";
import { ByReason } from "./ByReason";
import { dispatchLook, PRIORITY_WORDS, whyWords } from "./sending";

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
    <aside className={page.detail} aria-label="Sending">
      <QueryView query={query} rows={8} safe="Sending goes on as before.">
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
        title={`To ${whole.target}`}
        about={[patientWords(whole), whole.series_description].filter(Boolean).join(" · ")}
        look={dispatchLook(whole, pauses)}
        onClose={onClose}
      />
      {why && (
        <p className={page.reason} data-fault={whole.status === "failed" || undefined}>
          {why}
        </p>
      )}
      <section className={page.detailSection} aria-label="Actions">
        <DispatchActions dispatch={whole} onRedirected={onSelect} />
      </section>
      <DetailSection title="Sending">
        <Facts whole={whole} />
      </DetailSection>
      {whole.failures.length > 0 && (
        <DetailSection title={`Not sent at the last attempt: ${whole.failures.length}`}>
          <ByReason rows={whole.failures} />
        </DetailSection>
      )}
      {whole.commitments.length > 0 && (
        <DetailSection title="Storage commitment">
          <Commitments whole={whole} />
        </DetailSection>
      )}
      {whole.transcoded_instances > 0 && (
        <DetailSection
          title={`Sent in another encoding: ${whole.transcoded_instances} of ${whole.instances}`}
        >
          <ByReason rows={recoded(whole)} />
          {whole.transcoded.length < whole.transcoded_instances && (
            <p className="dim">The first {whole.transcoded.length} are listed.</p>
          )}
        </DetailSection>
      )}
      <DetailSection title="Timeline">
        <QueryView query={history} rows={3} safe="Only the history is missing here.">
          {(events) => <TimelineList events={events} days />}
        </QueryView>
      </DetailSection>
    </>
  );
}

/** What the node said when it was asked whether it keeps the images, the last answer first. */
function Commitments({ whole }: { whole: Whole }) {
  return (
    <ul className={page.lines} aria-label="Storage commitment">
      {whole.commitments.map((asked) => (
        <li key={asked.transaction_uid} title={asked.transaction_uid}>
          <div className={page.line}>
            <span>
              {capitalised(answerWords(asked))}
              {whole.commitments.length > 1 && (
                <span className="dim"> attempt {asked.attempt}</span>
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
      <dt>Sent</dt>
      <dd className="live-number">
        {whole.sent} of {counted(whole.instances, "image")}
      </dd>
      {whole.stored > 0 && (
        <>
          <dt>Not confirmed</dt>
          <dd className="live-number">{whole.stored} taken, not confirmed to be kept yet</dd>
        </>
      )}
      <dt>Attempt</dt>
      <dd className="live-number">{whole.attempt}</dd>
      <dt>Priority</dt>
      <dd>{PRIORITY_WORDS[whole.priority ?? "normal"]}</dd>
      <dt>Queued</dt>
      <dd>{dayAndClock(whole.created_at)}</dd>
      {whole.ended_at && (
        <>
          <dt>Ended</dt>
          <dd>{dayAndClock(whole.ended_at)}</dd>
        </>
      )}
      <dt>Patient ID</dt>
      <dd className="mono">{whole.patient_id || "none"}</dd>
      <dt>Study</dt>
      <dd>
        {whole.removed_at ? (
          <>
            {whole.study_description}
            <span className="dim"> Left the archive {dayAndClock(whole.removed_at)}.</span>
          </>
        ) : (
          <Link
            to="/archive"
            search={{ study: whole.study_instance_uid, series: whole.series_instance_uid }}
          >
            {whole.study_description || "Look at the images"}
          </Link>
        )}
      </dd>
      <dt>Case</dt>
      <dd>
        {whole.case_id ? (
          <Link to="/cases" search={{ id: whole.case_id }}>
            Why it is sent
          </Link>
        ) : (
          <span className="dim">none: sent by hand</span>
        )}
      </dd>
    </dl>
  );
}

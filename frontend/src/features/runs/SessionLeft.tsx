import { Button, TextInput } from "@mantine/core";
import { IconLock, IconLockOpen } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { runKeys, runQueries } from "../../api/runQueries";
import {
  holdSession,
  type RunRef,
  type Session,
  type SessionFile,
  sessionFileUrl,
  type SessionValue,
} from "../../api/runs";
import { t } from "../../i18n";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock } from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import page from "../../shared/page.module.css";
import { guarded, useMayTryOut } from "../../shared/roles";
import { sizeWords } from "../../shared/size";
import { ErrorLine, QueryView } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { FileLink } from "../files/FileLink";
import { keptWords } from "./filter";
import css from "./runs.module.css";

/** Data and files of the session of a job of the SDK, its hooks, and how long they are kept. */
export function SessionLeft({ run, open }: { run: RunRef; open: boolean }) {
  const query = useQuery(runQueries.session(run));
  const { session, values = [], files = [] } = query.data ?? {};
  const nothing = values.length + files.length + (session?.hooks?.length ?? 0) === 0;
  // The platform's own jobs have no session.
  if (open || (session?.status === "open" && nothing)) return null;
  return (
    <DetailSection title={t("What the job left")}>
      <QueryView query={query} rows={2} safe={t("What it left stays.")}>
        {(left) => (
          <>
            <Values values={left.values} />
            <Files run={run} files={left.files} />
            {left.values.length + left.files.length === 0 && (
              <p className="dim">{t("Neither data nor files, or they have been removed.")}</p>
            )}
            <Hooks session={left.session} />
            <Keeping run={run} session={left.session} />
          </>
        )}
      </QueryView>
    </DetailSection>
  );
}

function Values({ values }: { values: SessionValue[] }) {
  if (values.length === 0) return null;
  return (
    <dl className={page.facts} aria-label={t("Session data")}>
      {values.map(({ job, subject, name, value }) => (
        <div key={`${job} ${subject} ${name}`} className={page.fact}>
          <dt title={t("{job}, for {subject}", { job, subject })}>{name}</dt>
          <dd>
            <JsonView value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Files({ run, files }: { run: RunRef; files: SessionFile[] }) {
  if (files.length === 0) return null;
  return (
    <ul className={css.files} aria-label={t("Session files")}>
      {files.map(({ key, name, size, sha256, job }) => (
        <li key={key}>
          <FileLink
            url={sessionFileUrl(run, key)}
            name={name}
            title={t("SHA-256 {sha256}", { sha256 })}
          />
          <span className="dim live-number">
            {sizeWords(size)}, {job}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Hooks({ session }: { session: Session }) {
  const hooks = session.hooks ?? [];
  if (hooks.length === 0) return null;
  return (
    <ul className={css.list} aria-label={t("Hooks")}>
      {hooks.map(({ name, moment, done, failure, ran_at }) => (
        <li key={`${moment} ${name} ${ran_at}`}>
          <div className={css.line}>
            <StatusBadge look={workStatus(done ? "succeeded" : "failed")} />
            <span className={css.target}>
              {name || t("Hooks")}{" "}
              <span className="dim">{t("at the {moment} of the session", { moment })}</span>
            </span>
            <span className={`dim live-number ${css.end}`}>{dayAndClock(ran_at)}</span>
          </div>
          {failure && (
            <pre className={css.error}>
              {failure.kind}: {failure.message}
            </pre>
          )}
        </li>
      ))}
    </ul>
  );
}

function Keeping({ run, session }: { run: RunRef; session: Session }) {
  const client = useQueryClient();
  const mayNot = useMayTryOut();
  const [reason, setReason] = useState("");
  const hold = useMutation({
    mutationFn: () => holdSession(run, !session.hold, reason.trim()),
    onSettled: () => client.invalidateQueries({ queryKey: runKeys.session(run) }),
  });
  return (
    <>
      <p className="dim">{keptWords(session)}</p>
      {session.status !== "open" && (
        <form
          className={css.keeping}
          aria-label={t("Keep what the job left")}
          onSubmit={(event) => {
            event.preventDefault();
            hold.mutate();
          }}
        >
          {!session.hold && (
            <TextInput
              size="xs"
              aria-label={t("Why it is held")}
              placeholder={t("Why it is held")}
              maxLength={200}
              disabled={mayNot !== null}
              value={reason}
              onChange={({ currentTarget: { value } }) => setReason(value)}
            />
          )}
          <Button
            type="submit"
            size="xs"
            variant="default"
            leftSection={session.hold ? <IconLockOpen size={16} /> : <IconLock size={16} />}
            {...guarded(mayNot)}
            loading={hold.isPending}
          >
            {session.hold ? t("Release it") : t("Hold it")}
          </Button>
        </form>
      )}
      <ErrorLine error={hold.error} />
    </>
  );
}

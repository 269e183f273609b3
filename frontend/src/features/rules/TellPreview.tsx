import { Button } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import {
  type NotificationEvent,
  previewNotifications,
  type Rule,
  testNotification,
} from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { useMayAdminister } from "../../shared/roles";
import { same } from "../../shared/schema/changes";
import { ErrorLine } from "../../shared/states";
import { HEALTH } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { EVENTS } from "../notifications/notification";
import page from "../../shared/page.module.css";
import { type Draft, documentOf, draftOf } from "./rule";
import css from "./rules.module.css";

/** What the messages would say, and the button that sends a sample. */
export function TellPreview({ draft, saved }: { draft: Draft; saved: Rule | null }) {
  const [event, setEvent] = useState<NotificationEvent>("COMPLETED");
  const settings = useQuery(routingQueries.notificationSettings).data;
  const [asked] = useDebouncedValue({ ...draft, name: draft.name || "new-rule" }, 400);
  const preview = useQuery({
    queryKey: ["notification preview", documentOf(asked), event],
    queryFn: () => previewNotifications({ ...asked, rule: t("True"), target: [] }, event),
    enabled: /^[0-9a-zA-Z_-]+$/.test(asked.name),
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  });
  return (
    <div className={css.preview}>
      <div className={css.stateLine}>
        <h3>{t("Preview")}</h3>
        <div role="group" aria-label={t("Event")} className={page.choice}>
          {(Object.keys(EVENTS) as NotificationEvent[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === event}
              onClick={() => setEvent(name)}
            >
              {EVENTS[name]}
            </button>
          ))}
        </div>
      </div>
      {preview.data?.map(({ channel, subject, text, error }) => (
        <figure key={channel} className={css.message}>
          <figcaption className="dim">
            {channel === "email" ? t("E-mail · {subject}", { subject }) : t("Webhook · JSON")}
          </figcaption>
          {error ? <p className={css.flaw}>{error}</p> : <pre>{text}</pre>}
        </figure>
      ))}
      <ErrorLine error={preview.error} />
      {settings && (
        <ul className={css.notes}>
          <li>
            {settings.phi
              ? t("Messages may name patients: SCANHUB_WORKFLOW_PHI_NOTIFICATIONS is on.")
              : t(
                  "Patients are never named: {{ patient_name }}, {{ mrn }} and {{ acc }} stay UNKNOWN in a webhook and empty in an e-mail, because SCANHUB_WORKFLOW_PHI_NOTIFICATIONS is off.",
                )}
          </li>
          {draft.notification_email && !settings.mail_server && (
            <li className={css.flaw}>
              {t("No mail server is set, so no e-mail will be sent: SCANHUB_WORKFLOW_SMTP_HOST.")}
            </li>
          )}
          {draft.notification_webhook?.startsWith("http://") && !settings.webhook_http && (
            <li className={css.flaw}>
              {t("A webhook needs https here; SCANHUB_WORKFLOW_WEBHOOK_HTTP allows http.")}
            </li>
          )}
        </ul>
      )}
      <SampleButton draft={draft} saved={saved} event={event} />
    </div>
  );
}

function SampleButton({
  draft,
  saved,
  event,
}: {
  draft: Draft;
  saved: Rule | null;
  event: NotificationEvent;
}) {
  const mayNot = useMayAdminister();
  const send = useMutation({ mutationFn: () => testNotification(draft.name, event) });
  const isSaved = saved !== null && same(documentOf(draftOf(saved)), documentOf(draft));
  return (
    <>
      <div className={css.stateLine}>
        <Button
          variant="default"
          disabled={mayNot !== null || !isSaved}
          title={mayNot ?? undefined}
          loading={send.isPending}
          onClick={() => send.mutate()}
        >
          {t("Send a sample")}
        </Button>
        {!isSaved && (
          <span className="dim">{t("Save the rule first: a sample is of what is saved.")}</span>
        )}
      </div>
      {send.data && (
        <ul className={css.cases} aria-label={t("What came of the sample")}>
          {send.data.map(({ channel, recipient, ok, detail }) => (
            <li key={`${channel} ${recipient}`}>
              <StatusBadge look={ok ? { ...HEALTH.ok, word: t("Sent") } : HEALTH.failing} />
              <span>{recipient}</span>
              <span className={css.reason}>{detail}</span>
            </li>
          ))}
        </ul>
      )}
      <ErrorLine error={send.error} />
    </>
  );
}

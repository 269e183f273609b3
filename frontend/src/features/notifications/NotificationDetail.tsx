import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type Notification, retryNotification } from "../../api/routing";
import { routingKeys } from "../../api/routingQueries";
import { inSentence, t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { clock, day } from "../../shared/format";
import page from "../../shared/page.module.css";
import { useMayOperate } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { canRetry, EVENTS } from "./notification";

/** One message: what became of it, why, and the button. */
export function NotificationDetail({
  notification,
  onClose,
}: {
  notification: Notification;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const { id, rule, event, channel, recipient, status, attempt, error } = notification;
  const { created_at, next_attempt_at, ended_at } = notification;
  const retry = useMutation({
    mutationFn: () => retryNotification(id),
    onSettled: () => client.invalidateQueries({ queryKey: routingKeys.notifications }),
  });
  return (
    <aside className={page.detail} aria-label={t("Notification of {rule}", { rule })}>
      <DetailHead
        title={t("{channel} to {recipient}", {
          channel: channel === "webhook" ? t("Webhook") : t("E-mail"),
          recipient,
        })}
        about={EVENTS[event]}
        look={workStatus(status)}
        onClose={onClose}
      />
      <DetailSection title={t("Message")}>
        <dl className={page.facts}>
          <dt>{t("Rule")}</dt>
          <dd>
            <Link to="/rules" search={{ id: rule }}>
              {rule}
            </Link>
          </dd>
          <dt>{t("Tells")}</dt>
          <dd>
            {event}: {inSentence(EVENTS[event])}
          </dd>
          <dt>{t("Of")}</dt>
          <dd>
            <Link to="/cases" search={{ id: notification.case_id }}>
              {t("The case")}
            </Link>
          </dd>
          <dt>{t("Made")}</dt>
          <dd>
            {day(created_at)} {clock(created_at)}
          </dd>
          {ended_at && (
            <>
              <dt>{t("Ended")}</dt>
              <dd>
                {day(ended_at)} {clock(ended_at)}
              </dd>
            </>
          )}
          <dt>{t("Attempts")}</dt>
          <dd>{attempt}</dd>
          {next_attempt_at && (
            <>
              <dt>{t("Next attempt")}</dt>
              <dd>
                {day(next_attempt_at)} {clock(next_attempt_at)}
              </dd>
            </>
          )}
        </dl>
      </DetailSection>
      {(error || canRetry(status)) && (
        <DetailSection title={status === "failed" ? t("Why it failed") : t("What it waits for")}>
          <p>{error ?? t("Its turn.")}</p>
          <div className={page.buttons}>
            <Button
              leftSection={<IconRefresh size={16} />}
              disabled={mayNot !== null || !canRetry(status)}
              title={mayNot ?? undefined}
              loading={retry.isPending}
              onClick={() => retry.mutate()}
            >
              {t("Send now")}
            </Button>
          </div>
          <p className="dim">{t("It is made anew from the rule as it is by now.")}</p>
          <ErrorLine error={retry.error} />
        </DetailSection>
      )}
    </aside>
  );
}

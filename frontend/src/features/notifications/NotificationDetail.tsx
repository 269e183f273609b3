import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type Notification, retryNotification } from "../../api/routing";
import { routingKeys } from "../../api/routingQueries";
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
    <aside className={page.detail} aria-label={`Notification of ${rule}`}>
      <DetailHead
        title={`${channel === "webhook" ? "Webhook" : "E-mail"} to ${recipient}`}
        about={EVENTS[event]}
        look={workStatus(status)}
        onClose={onClose}
      />
      <DetailSection title="Message">
        <dl className={page.facts}>
          <dt>Rule</dt>
          <dd>
            <Link to="/rules" search={{ id: rule }}>
              {rule}
            </Link>
          </dd>
          <dt>Tells</dt>
          <dd>
            {event}: {EVENTS[event].toLowerCase()}
          </dd>
          <dt>Of</dt>
          <dd>
            <Link to="/cases" search={{ id: notification.case_id }}>
              The case
            </Link>
          </dd>
          <dt>Made</dt>
          <dd>
            {day(created_at)} {clock(created_at)}
          </dd>
          {ended_at && (
            <>
              <dt>Ended</dt>
              <dd>
                {day(ended_at)} {clock(ended_at)}
              </dd>
            </>
          )}
          <dt>Attempts</dt>
          <dd>{attempt}</dd>
          {next_attempt_at && (
            <>
              <dt>Next attempt</dt>
              <dd>
                {day(next_attempt_at)} {clock(next_attempt_at)}
              </dd>
            </>
          )}
        </dl>
      </DetailSection>
      {(error || canRetry(status)) && (
        <DetailSection title={status === "failed" ? "Why it failed" : "What it waits for"}>
          <p>{error ?? "Its turn."}</p>
          <div className={page.buttons}>
            <Button
              leftSection={<IconRefresh size={16} />}
              disabled={mayNot !== null || !canRetry(status)}
              title={mayNot ?? undefined}
              loading={retry.isPending}
              onClick={() => retry.mutate()}
            >
              Send now
            </Button>
          </div>
          <p className="dim">It is made anew from the rule as it is by now.</p>
          <ErrorLine error={retry.error} />
        </DetailSection>
      )}
    </aside>
  );
}

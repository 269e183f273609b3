import { IconBell } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";

import { atEndOf } from "../../api/pages";
import type { Notification, NotificationStatus } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import { OlderOnes } from "../../shared/OlderOnes";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { RoutingTabs } from "../../shared/SubNav";
import { Empty } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { EVENTS } from "./notification";
import { NotificationDetail } from "./NotificationDetail";

const COLUMNS: Column<Notification>[] = [
  {
    key: "state",
    head: t("State"),
    width: "100px",
    cell: ({ status }) => <StatusBadge look={workStatus(status)} />,
  },
  {
    key: "made",
    head: t("Made"),
    width: "92px",
    cell: ({ created_at }) => <span className="live-number">{dayOrClock(created_at)}</span>,
  },
  {
    key: "rule",
    head: t("Rule"),
    width: "minmax(110px, 1fr)",
    cell: ({ rule }) => <strong title={rule}>{rule}</strong>,
  },
  { key: "event", head: t("Tells"), width: "148px", cell: ({ event }) => EVENTS[event] },
  {
    key: "to",
    head: t("To"),
    width: "minmax(140px, 1.5fr)",
    cell: ({ channel, recipient }) => (
      <span title={recipient}>
        {channel === "webhook" ? t("Webhook") : t("E-mail")} · {recipient}
      </span>
    ),
  },
  {
    key: "why",
    head: t("Why not"),
    width: "minmax(120px, 1.5fr)",
    optional: true,
    cell: ({ error }) => error && <span title={error}>{error}</span>,
  },
];

const CHOICES: [NotificationStatus | null, string][] = [
  [null, t("All")],
  ["failed", t("Failed")],
  ["waiting", t("Waiting")],
  ["sent", t("Sent")],
];

interface Props {
  filter: string;
  status: NotificationStatus | null;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onStatus: (status: NotificationStatus | null) => void;
  onSelect: (id: string | null) => void;
}

/** What people and programs were told, and what became of it. */
export function NotificationsPage(props: Props) {
  const { filter, status, selectedId, onFilter, onStatus, onSelect } = props;
  const found = useInfiniteQuery(routingQueries.notifications(status));
  const selected = found.data?.find(({ id }) => id === selectedId) ?? null;
  return (
    <div className={page.page}>
      <RoutingTabs />
      <PageHead
        title={t("Notifications")}
        filter={filter}
        placeholder={t("Filter by rule, recipient, reason")}
        onFilter={onFilter}
      >
        <div className={page.choice} role="group" aria-label={t("State")}>
          {CHOICES.map(([choice, word]) => (
            <button
              key={word}
              type="button"
              aria-pressed={status === choice}
              onClick={() => onStatus(choice)}
            >
              {word}
            </button>
          ))}
        </div>
      </PageHead>
      <ListAndDetail
        query={found}
        rows={found.data?.filter((row) => containsWords(wordsOf(row), filter))}
        safe={t("Messages are sent all the same.")}
        label={t("Notifications")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={filter ? undefined : atEndOf(found)}
        empty={
          filter || status ? (
            <Empty icon={IconBell} title={t("Nothing matches")}>
              {t("Clear the filter, or show all states.")}
            </Empty>
          ) : (
            <Empty icon={IconBell} title={t("Nobody was told anything yet")}>
              {t(
                "Rules tell people by e-mail and programs by webhook: open a rule and fill in “Tell”.",
              )}
            </Empty>
          )
        }
        note={filter && <OlderOnes query={found} />}
        detail={
          selected && (
            <NotificationDetail
              key={selected.id}
              notification={selected}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
    </div>
  );
}

const wordsOf = ({ rule, recipient, error, channel }: Notification) => [
  rule,
  recipient,
  error ?? "",
  channel,
];

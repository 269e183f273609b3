import { Button } from "@mantine/core";
import { IconUserPlus, IconUsers } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { peopleQueries } from "../../api/people";
import type { User } from "../../api/types";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayManage } from "../../shared/roles";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { AdminTabs } from "../../shared/SubNav";
import { useNow } from "../../shared/useNow";
import { containsWords } from "../worklist/worklist";
import { moment, ROLES, userLook } from "./people";
import { UserDetail } from "./UserDetail";

const UserModal = lazy(() => import("./UserModal"));

const columnsAt = (now: number): Column<User>[] => [
  {
    key: "username",
    head: t("User name"),
    width: "minmax(120px, 1fr)",
    cell: ({ username }) => <strong>{username}</strong>,
  },
  {
    key: "name",
    head: t("Name"),
    width: "minmax(130px, 1.4fr)",
    cell: ({ first_name, last_name }) => `${first_name} ${last_name}`,
  },
  { key: "role", head: t("Role"), width: "112px", cell: ({ role }) => ROLES[role].word },
  {
    key: "state",
    head: t("State"),
    width: "150px",
    cell: (user) => <StatusBadge look={userLook(user, now)} />,
  },
  {
    key: "email",
    head: t("E-mail"),
    width: "minmax(130px, 1.4fr)",
    optional: true,
    cell: ({ email }) => email ?? <span className="dim">–</span>,
  },
  {
    key: "seen",
    head: t("Last here"),
    width: "96px",
    optional: true,
    cell: ({ last_activity_unixtime, last_login_unixtime }) => {
      const last = moment(last_activity_unixtime ?? last_login_unixtime);
      return <span className="live-number">{last ? dayOrClock(last) : t("never")}</span>;
    },
  },
];

interface Props {
  filter: string;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onSelect: (username: string | null) => void;
}

/** Who may log in, and what they may do. */
export function UsersPage({ filter, selectedId, onFilter, onSelect }: Props) {
  const users = useQuery(peopleQueries.users);
  const [adding, setAdding] = useState(false);
  const mayNot = useMayManage();
  const now = useNow(true, 60_000);
  const selected = users.data?.find(({ username }) => username === selectedId) ?? null;
  return (
    <div className={page.page}>
      <AdminTabs />
      <PageHead
        title={t("Users")}
        filter={filter}
        placeholder={t("Filter by name, role, e-mail")}
        onFilter={onFilter}
      >
        <Button
          leftSection={<IconUserPlus size={16} />}
          {...guarded(mayNot)}
          onClick={() => setAdding(true)}
        >
          {t("Add user")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={users}
        rows={users.data
          ?.filter((user) => containsWords(wordsOf(user), filter))
          .toSorted((a, b) => a.username.localeCompare(b.username))}
        safe={t("No user was changed.")}
        label={t("Users")}
        columns={columnsAt(now)}
        rowId={({ username }) => username}
        selectedId={selectedId}
        onSelect={onSelect}
        empty={
          <Empty icon={IconUsers} title={t("Nobody matches “{filter}”", { filter })}>
            {t("Clear the filter to see all users.")}
          </Empty>
        }
        detail={
          selected && (
            <UserDetail key={selected.username} user={selected} onClose={() => onSelect(null)} />
          )
        }
      />
      <Suspense>
        {adding && (
          <UserModal
            user={null}
            onClose={() => setAdding(false)}
            onSaved={({ username }) => onSelect(username)}
          />
        )}
      </Suspense>
    </div>
  );
}

const wordsOf = ({ username, first_name, last_name, email, role }: User) => [
  username,
  first_name,
  last_name,
  email ?? "",
  ROLES[role].word,
];

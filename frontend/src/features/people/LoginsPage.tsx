import { Button } from "@mantine/core";
import { IconDeviceDesktop } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { endLogin, type Login, peopleKeys, peopleQueries } from "../../api/people";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import { type Column, DataTable } from "../../shared/DataTable";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import { AdminTabs } from "../../shared/SubNav";
import { containsWords } from "../worklist/worklist";
import { programName } from "./people";

const columnsOf = (ending: string | null, end: (id: string) => void): Column<Login>[] => [
  {
    key: "user",
    head: t("User name"),
    width: "minmax(120px, 1fr)",
    cell: ({ username }) => <strong>{username}</strong>,
  },
  {
    key: "program",
    head: t("With"),
    width: "minmax(130px, 1.2fr)",
    cell: ({ user_agent }) => programName(user_agent),
  },
  {
    key: "address",
    head: t("From"),
    width: "minmax(110px, 1fr)",
    cell: ({ address }) => address || <span className="dim">{t("not known")}</span>,
  },
  {
    key: "since",
    head: t("Since"),
    width: "124px",
    cell: ({ datetime_created }) => dayAndClock(datetime_created),
  },
  {
    key: "until",
    head: t("Ends by itself"),
    width: "124px",
    optional: true,
    cell: ({ expires_at }) => dayAndClock(expires_at),
  },
  {
    key: "end",
    head: "",
    width: "88px",
    cell: ({ id, username, current }) =>
      current ? (
        <span className="dim">{t("this one")}</span>
      ) : (
        <Button
          size="xs"
          variant="default"
          aria-label={t("End this login of {username}", { username })}
          loading={ending === id}
          onClick={(event) => {
            event.stopPropagation();
            end(id);
          }}
        >
          {t("End")}
        </Button>
      ),
  },
];

interface Props {
  filter: string;
  onFilter: (filter: string) => void;
  onUser: (username: string) => void;
}

/** Everybody who is logged in, and the way to end it. */
export function LoginsPage({ filter, onFilter, onUser }: Props) {
  const client = useQueryClient();
  const logins = useInfiniteQuery(peopleQueries.everybodysLogins);
  const { mutate, isPending, variables, error } = useMutation({
    mutationFn: (id: string) => endLogin(id),
    onSettled: () => client.invalidateQueries({ queryKey: peopleKeys.logins }),
  });
  const ending = isPending ? variables : null;
  const columns = useMemo(() => columnsOf(ending, mutate), [ending, mutate]);
  return (
    <div className={page.page}>
      <AdminTabs />
      <PageHead
        title={t("Logins")}
        filter={filter}
        placeholder={t("Filter by user, program, address")}
        onFilter={onFilter}
      />
      <ErrorLine error={error} />
      <QueryView query={logins} rows={6} safe={t("The logins themselves are not affected.")}>
        {(all) => {
          const rows = all.filter(({ username, user_agent, address }) =>
            containsWords([username, programName(user_agent), address], filter),
          );
          return rows.length === 0 ? (
            <Empty icon={IconDeviceDesktop} title={t("Nothing matches “{filter}”", { filter })}>
              {t("Clear the filter to see all logins.")}
            </Empty>
          ) : (
            <DataTable
              label={t("Logins")}
              rows={rows}
              columns={columns}
              rowId={({ id }) => id}
              onOpen={({ username }) => onUser(username)}
              onEnd={atEndOf(logins)}
            />
          );
        }}
      </QueryView>
    </div>
  );
}

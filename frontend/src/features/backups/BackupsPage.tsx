import { Button } from "@mantine/core";
import { IconDatabase, IconDeviceFloppy } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Backup, type Backups, backupsQuery, beginBackup } from "../../api/backups";
import { plural, t } from "../../i18n";
import { rich } from "../../i18n/rich";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { clock, day, dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { guarded, useMayManage } from "../../shared/roles";
import { sizeWords } from "../../shared/size";
import { Empty, ErrorLine } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { HealthTabs } from "../../shared/SubNav";

const COLUMNS: Column<Backup>[] = [
  {
    key: "taken",
    head: t("Shows"),
    width: "minmax(150px, 1fr)",
    cell: ({ taken_at }) => <strong>{`${day(taken_at)} ${clock(taken_at)}`}</strong>,
  },
  { key: "name", head: t("Name"), width: "minmax(150px, 1.4fr)", cell: ({ name }) => name },
  { key: "files", head: t("Files"), width: "84px", cell: ({ files }) => files },
  { key: "size", head: t("Size"), width: "84px", cell: ({ bytes }) => sizeWords(bytes) },
  {
    key: "new",
    head: t("New in it"),
    width: "110px",
    optional: true,
    cell: ({ new_bytes }) => sizeWords(new_bytes),
  },
  {
    key: "missing",
    head: t("Missing"),
    width: "84px",
    optional: true,
    cell: ({ missing_files }) =>
      missing_files === 0 ? <span className="dim">{t("none")}</span> : missing_files,
  },
];

/** What could be restored, and a backup now. */
export function BackupsPage() {
  const backups = useQuery({
    ...backupsQuery,
    // A step of a backup is no event: while one is made, it is asked for.
    refetchInterval: ({ state }) => (state.data?.work.state === "running" ? 2000 : false),
  });
  const [selectedName, setSelected] = useState<string | null>(null);
  const { data } = backups;
  const selected = data?.backups?.find(({ name }) => name === selectedName) ?? null;
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>{t("Backups")}</h1>
        <div className={page.actions}>{data && <Begin backups={data} />}</div>
      </header>
      {data && <Work backups={data} />}
      <ListAndDetail
        query={backups}
        rows={data?.backups}
        safe={t("The backups themselves are not affected.")}
        label={t("Backups")}
        columns={COLUMNS}
        rowId={({ name }) => name}
        selectedId={selectedName}
        onSelect={setSelected}
        empty={
          <Empty
            icon={IconDatabase}
            title={data?.enabled ? t("No backup yet") : t("No place for backups is set")}
          >
            {data?.enabled
              ? t("Make the first one: scans and images go on meanwhile.")
              : data?.detail}
          </Empty>
        }
        detail={selected && <Detail backup={selected} onClose={() => setSelected(null)} />}
        narrow
      />
    </div>
  );
}

function Begin({ backups: { enabled, detail, work } }: { backups: Backups }) {
  const client = useQueryClient();
  const mayNot = useMayManage();
  const begin = useMutation({
    mutationFn: beginBackup,
    onSettled: () => client.invalidateQueries({ queryKey: backupsQuery.queryKey }),
  });
  const running = work.state === "running";
  return (
    <>
      <ErrorLine error={begin.error} />
      <Button
        leftSection={<IconDeviceFloppy size={16} />}
        loading={begin.isPending || running}
        {...guarded(mayNot ?? (enabled ? null : (detail ?? "")))}
        onClick={() => begin.mutate()}
      >
        {t("Back up now")}
      </Button>
    </>
  );
}

/** How the one goes that is made now, or how the last one went. */
function Work({ backups: { work, folder } }: { backups: Backups }) {
  if (work.state === "idle") {
    return folder ? <p className={page.note}>{t("They are in {folder}.", { folder })}</p> : null;
  }
  return (
    <div className={page.note} role="status">
      <StatusBadge look={workStatus(work.state === "made" ? "done" : work.state)} />
      <span>
        {work.state === "running" && (work.step || t("It begins."))}
        {work.state === "made" &&
          t("The backup is whole since {endedAt}.", { endedAt: dayAndClock(work.ended_at) })}
        {work.state === "failed" && work.detail}
      </span>
      {work.started_by && (
        <span>
          {t("asked for by {startedBy}", { startedBy: work.started_by.replace(/^user:/, "") })}
        </span>
      )}
    </div>
  );
}

function Detail({ backup, onClose }: { backup: Backup; onClose: () => void }) {
  return (
    <aside className={page.detail} aria-label={t("Backup {backup}", { backup: backup.name })}>
      <DetailHead title={backup.name} onClose={onClose} />
      <section className={page.detailSection} aria-label={t("About")}>
        <dl className={page.facts}>
          <dt>{t("Shows")}</dt>
          <dd>{dayAndClock(backup.taken_at)}</dd>
          <dt>{t("Made")}</dt>
          <dd>
            {t("{begunAt} to {endedAt}", {
              begunAt: dayAndClock(backup.begun_at),
              endedAt: clock(backup.ended_at),
            })}
          </dd>
          <dt>{t("Software")}</dt>
          <dd>{backup.version}</dd>
          <dt>{t("Files")}</dt>
          <dd>
            {backup.files}, {sizeWords(backup.bytes)}
          </dd>
          <dt>{t("New in it")}</dt>
          <dd>
            {plural(backup.new_files, "{n} file", "{n} files")}, {sizeWords(backup.new_bytes)}
          </dd>
        </dl>
        {backup.missing_files > 0 && (
          <p className={page.reason} data-fault role="alert">
            {t("{files} that the databases name was not in the lake.", {
              files: plural(backup.missing_files, "{n} file", "{n} files"),
            })}
          </p>
        )}
        <p className="dim">
          {rich(
            "It is restored where no server runs on the data folder: <code>scanhub restore --name {backup}</code>",
            { backup: backup.name, code: <code /> },
          )}
        </p>
      </section>
    </aside>
  );
}

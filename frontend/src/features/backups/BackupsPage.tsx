import { Button } from "@mantine/core";
import { IconDatabase, IconDeviceFloppy } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Backup, type Backups, backupsQuery, beginBackup } from "../../api/backups";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { clock, counted, day, dayAndClock } from "../../shared/format";
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
    head: "Shows",
    width: "minmax(150px, 1fr)",
    cell: ({ taken_at }) => <strong>{`${day(taken_at)} ${clock(taken_at)}`}</strong>,
  },
  { key: "name", head: "Name", width: "minmax(150px, 1.4fr)", cell: ({ name }) => name },
  { key: "files", head: "Files", width: "84px", cell: ({ files }) => files },
  { key: "size", head: "Size", width: "84px", cell: ({ bytes }) => sizeWords(bytes) },
  {
    key: "new",
    head: "New in it",
    width: "110px",
    optional: true,
    cell: ({ new_bytes }) => sizeWords(new_bytes),
  },
  {
    key: "missing",
    head: "Missing",
    width: "84px",
    optional: true,
    cell: ({ missing_files }) =>
      missing_files === 0 ? <span className="dim">none</span> : missing_files,
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
        <h1>Backups</h1>
        <div className={page.actions}>{data && <Begin backups={data} />}</div>
      </header>
      {data && <Work backups={data} />}
      <ListAndDetail
        query={backups}
        rows={data?.backups}
        safe="The backups themselves are not affected."
        label="Backups"
        columns={COLUMNS}
        rowId={({ name }) => name}
        selectedId={selectedName}
        onSelect={setSelected}
        empty={
          <Empty
            icon={IconDatabase}
            title={data?.enabled ? "No backup yet" : "No place for backups is set"}
          >
            {data?.enabled ? "Make the first one: scans and images go on meanwhile." : data?.detail}
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
        Back up now
      </Button>
    </>
  );
}

/** How the one goes that is made now, or how the last one went. */
function Work({ backups: { work, folder } }: { backups: Backups }) {
  if (work.state === "idle") {
    return folder ? <p className={page.note}>They are in {folder}.</p> : null;
  }
  return (
    <div className={page.note} role="status">
      <StatusBadge look={workStatus(work.state === "made" ? "done" : work.state)} />
      <span>
        {work.state === "running" && (work.step || "It begins.")}
        {work.state === "made" && `The backup is whole since ${dayAndClock(work.ended_at)}.`}
        {work.state === "failed" && work.detail}
      </span>
      {work.started_by && <span>asked for by {work.started_by.replace(/^user:/, "")}</span>}
    </div>
  );
}

function Detail({ backup, onClose }: { backup: Backup; onClose: () => void }) {
  return (
    <aside className={page.detail} aria-label={`Backup ${backup.name}`}>
      <DetailHead title={backup.name} onClose={onClose} />
      <section className={page.detailSection} aria-label="About">
        <dl className={page.facts}>
          <dt>Shows</dt>
          <dd>{dayAndClock(backup.taken_at)}</dd>
          <dt>Made</dt>
          <dd>
            {dayAndClock(backup.begun_at)} to {clock(backup.ended_at)}
          </dd>
          <dt>Software</dt>
          <dd>{backup.version}</dd>
          <dt>Files</dt>
          <dd>
            {backup.files}, {sizeWords(backup.bytes)}
          </dd>
          <dt>New in it</dt>
          <dd>
            {counted(backup.new_files, "file")}, {sizeWords(backup.new_bytes)}
          </dd>
        </dl>
        {backup.missing_files > 0 && (
          <p className={page.reason} data-fault role="alert">
            {counted(backup.missing_files, "file")} that the databases name was not in the lake.
          </p>
        )}
        <p className="dim">
          It is restored where no server runs on the data folder:{" "}
          <code>scanhub restore --name {backup.name}</code>
        </p>
      </section>
    </aside>
  );
}

import { Button, Menu, Select, TextInput } from "@mantine/core";
import { IconDownload, IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import {
  type AuditEntry,
  type AuditFilter,
  exportAudit,
  peopleKeys,
  peopleQueries,
} from "../../api/people";
import { atEndOf } from "../../api/pages";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { clock, day, dayAndClock, shortId } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { saveFile } from "../../shared/saveFile";
import { CorrelationId, Empty, ErrorLine } from "../../shared/states";
import { AdminTabs } from "../../shared/SubNav";
import { actionWords, actorWords, changesOf, summary } from "./people";
import css from "./people.module.css";

const COLUMNS: Column<AuditEntry>[] = [
  {
    key: "time",
    head: "When",
    width: "140px",
    cell: ({ time }) => <span className="live-number">{`${day(time)} ${clock(time)}`}</span>,
  },
  {
    key: "actor",
    head: "Who",
    width: "minmax(96px, 0.8fr)",
    cell: ({ actor }) => actorWords(actor),
  },
  {
    key: "action",
    head: "What",
    width: "minmax(130px, 1.1fr)",
    cell: ({ action }) => <strong>{actionWords(action)}</strong>,
  },
  { key: "changes", head: "Changed", width: "minmax(140px, 2fr)", cell: summary },
  {
    key: "address",
    head: "From",
    width: "112px",
    optional: true,
    cell: ({ address }) => address ?? <span className="dim">–</span>,
  },
];

/** What is asked for most; any other may be typed. */
const ACTIONS = [
  "user.logged_in",
  "user.login_refused",
  "user.created",
  "user.updated",
  "user.deleted",
  "patient.created",
  "patient.updated",
  "patient.deleted",
  "exam.created",
  "exam.deleted",
  "exam.task.started",
  "exam.task.canceled",
  "protocol.released",
  "protocol.retired",
  "sequence.created",
  "sequence.deleted",
  "result.downloaded",
  "result.deleted",
  "audit.exported",
];

interface Props {
  filter: AuditFilter;
  selectedId: string | null;
  onFilter: (filter: AuditFilter) => void;
  onSelect: (id: string | null) => void;
}

/** Who did what, when and from where; searched by the address of the page. */
export function AuditPage({ filter, selectedId, onFilter, onSelect }: Props) {
  const client = useQueryClient();
  const entries = useInfiniteQuery(peopleQueries.audit(filter));
  const selected = entries.data?.find(({ id }) => id === selectedId) ?? null;
  const asked = Object.values(filter).some(Boolean);
  return (
    <div className={page.page}>
      <AdminTabs />
      <header className={page.head}>
        <h1>Audit log</h1>
        <div className={page.actions}>
          <Button
            variant="default"
            loading={entries.isRefetching}
            onClick={() => void client.invalidateQueries({ queryKey: peopleKeys.audit })}
          >
            Look again
          </Button>
          <Export filter={filter} />
        </div>
      </header>
      <Filters key={JSON.stringify(filter)} filter={filter} onFilter={onFilter} />
      <ListAndDetail
        query={entries}
        rows={entries.data}
        safe="The record itself is not affected: it is only written, never changed."
        label="Audit log"
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(entries)}
        empty={
          <Empty
            icon={IconHistory}
            title={asked ? "No entry matches" : "Nothing has happened yet"}
            action={
              asked && (
                <Button variant="default" onClick={() => onFilter({})}>
                  Clear the filters
                </Button>
              )
            }
          >
            {asked
              ? "Names and ids have to be whole: ada, exam.created, or the id of what was changed."
              : "Each change, login and export is written here."}
          </Empty>
        }
        detail={
          selected && (
            <Entry
              key={selected.id}
              entry={selected}
              onFilter={onFilter}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
    </div>
  );
}

function Filters({ filter, onFilter }: Pick<Props, "filter" | "onFilter">) {
  const [actor, setActor] = useState(filter.actor ?? "");
  const [subject, setSubject] = useState(filter.subject ?? "");
  const known = filter.action && !ACTIONS.includes(filter.action) ? [filter.action] : [];
  return (
    <form
      className={css.filters}
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
        onFilter({
          ...filter,
          actor: actor.trim() || undefined,
          subject: subject.trim() || undefined,
        });
      }}
    >
      <TextInput
        label="Who"
        placeholder="User name"
        value={actor}
        onChange={(event) => setActor(event.currentTarget.value)}
      />
      <Select
        label="What"
        placeholder="Everything"
        clearable
        searchable
        value={filter.action ?? null}
        onChange={(action) => onFilter({ ...filter, action: action ?? undefined })}
        data={[...known, ...ACTIONS].map((value) => ({ value, label: actionWords(value) }))}
      />
      <TextInput
        label="On what"
        placeholder="Id"
        value={subject}
        onChange={(event) => setSubject(event.currentTarget.value)}
      />
      <TextInput
        label="From"
        type="date"
        value={filter.from ?? ""}
        max={filter.to}
        onChange={(event) => onFilter({ ...filter, from: event.currentTarget.value || undefined })}
      />
      <TextInput
        label="To"
        type="date"
        value={filter.to ?? ""}
        min={filter.from}
        onChange={(event) => onFilter({ ...filter, to: event.currentTarget.value || undefined })}
      />
      <Button type="submit" variant="default">
        Search
      </Button>
    </form>
  );
}

function Export({ filter }: Pick<Props, "filter">) {
  const save = useMutation({
    mutationFn: async (format: "csv" | "jsonl") =>
      saveFile(await exportAudit(filter, format), `audit-${day(Date.now())}.${format}`),
  });
  return (
    <>
      <ErrorLine error={save.error} />
      <Menu position="bottom-end" shadow="md">
        <Menu.Target>
          <Button
            variant="default"
            leftSection={<IconDownload size={16} />}
            loading={save.isPending}
          >
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>All entries that match; the export is recorded</Menu.Label>
          <Menu.Item onClick={() => save.mutate("csv")}>CSV, for a spreadsheet</Menu.Item>
          <Menu.Item onClick={() => save.mutate("jsonl")}>JSON lines, for a program</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function Entry({
  entry,
  onFilter,
  onClose,
}: {
  entry: AuditEntry;
  onFilter: (filter: AuditFilter) => void;
  onClose: () => void;
}) {
  const changes = changesOf(entry);
  return (
    <aside className={page.detail} aria-label="Entry">
      <DetailHead
        title={actionWords(entry.action)}
        about={dayAndClock(entry.time)}
        onClose={onClose}
      />
      <section className={page.detailSection} aria-label="About">
        <dl className={page.facts}>
          <dt>Who</dt>
          <dd>{actorWords(entry.actor)}</dd>
          <dt>From</dt>
          <dd>{entry.address ?? <span className="dim">within the platform</span>}</dd>
          <dt>On</dt>
          <dd title={entry.subject_id}>
            {entry.subject_type} <span className="mono">{shortId(entry.subject_id)}</span>
          </dd>
          {entry.exam_id && (
            <>
              <dt>Exam</dt>
              <dd>
                <Link to="/exams/$examId" params={{ examId: entry.exam_id }}>
                  Open
                </Link>
              </dd>
            </>
          )}
          {entry.patient_id && (
            <>
              <dt>Patient</dt>
              <dd>
                <Link to="/patients" search={{ id: entry.patient_id }}>
                  Open
                </Link>
              </dd>
            </>
          )}
        </dl>
        <div className={page.buttons}>
          <Button
            size="xs"
            variant="default"
            onClick={() => onFilter({ subject: entry.subject_id })}
          >
            All about this {entry.subject_type}
          </Button>
          {entry.correlation_id && <CorrelationId id={entry.correlation_id} />}
        </div>
      </section>
      <DetailSection title="What it changed">
        {changes.length === 0 ? (
          <p className="dim">No field of a record.</p>
        ) : (
          <table className={css.changes}>
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col">Before</th>
                <th scope="col">After</th>
              </tr>
            </thead>
            <tbody>
              {changes.map(({ field, before, after }) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  <td>{before}</td>
                  <td>{after}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </DetailSection>
    </aside>
  );
}

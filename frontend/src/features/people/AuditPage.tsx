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
import { t } from "../../i18n";
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
    head: t("When"),
    width: "140px",
    cell: ({ time }) => <span className="live-number">{`${day(time)} ${clock(time)}`}</span>,
  },
  {
    key: "actor",
    head: t("Who"),
    width: "minmax(96px, 0.8fr)",
    cell: ({ actor }) => actorWords(actor),
  },
  {
    key: "action",
    head: t("What"),
    width: "minmax(130px, 1.1fr)",
    cell: ({ action }) => <strong>{actionWords(action)}</strong>,
  },
  { key: "changes", head: t("Changed"), width: "minmax(140px, 2fr)", cell: summary },
  {
    key: "address",
    head: t("From"),
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
        <h1>{t("Audit log")}</h1>
        <div className={page.actions}>
          <Button
            variant="default"
            loading={entries.isRefetching}
            onClick={() => void client.invalidateQueries({ queryKey: peopleKeys.audit })}
          >
            {t("Look again")}
          </Button>
          <Export filter={filter} />
        </div>
      </header>
      <Filters key={JSON.stringify(filter)} filter={filter} onFilter={onFilter} />
      <ListAndDetail
        query={entries}
        rows={entries.data}
        safe={t("The record itself is not affected: it is only written, never changed.")}
        label={t("Audit log")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(entries)}
        empty={
          <Empty
            icon={IconHistory}
            title={asked ? t("No entry matches") : t("Nothing has happened yet")}
            action={
              asked && (
                <Button variant="default" onClick={() => onFilter({})}>
                  {t("Clear the filters")}
                </Button>
              )
            }
          >
            {asked
              ? t(
                  "Names and ids have to be whole: ada, exam.created, or the id of what was changed.",
                )
              : t("Each change, login and export is written here.")}
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
      aria-label={t("Filters")}
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
        label={t("Who")}
        placeholder={t("User name")}
        value={actor}
        onChange={(event) => setActor(event.currentTarget.value)}
      />
      <Select
        label={t("What")}
        placeholder={t("Everything")}
        clearable
        searchable
        value={filter.action ?? null}
        onChange={(action) => onFilter({ ...filter, action: action ?? undefined })}
        data={[...known, ...ACTIONS].map((value) => ({ value, label: actionWords(value) }))}
      />
      <TextInput
        label={t("On what")}
        placeholder={t("Id")}
        value={subject}
        onChange={(event) => setSubject(event.currentTarget.value)}
      />
      <TextInput
        label={t("From")}
        type="date"
        value={filter.from ?? ""}
        max={filter.to}
        onChange={(event) => onFilter({ ...filter, from: event.currentTarget.value || undefined })}
      />
      <TextInput
        label={t("To")}
        type="date"
        value={filter.to ?? ""}
        min={filter.from}
        onChange={(event) => onFilter({ ...filter, to: event.currentTarget.value || undefined })}
      />
      <Button type="submit" variant="default">
        {t("Search")}
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
            {t("Export")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t("All entries that match; the export is recorded")}</Menu.Label>
          <Menu.Item onClick={() => save.mutate("csv")}>{t("CSV, for a spreadsheet")}</Menu.Item>
          <Menu.Item onClick={() => save.mutate("jsonl")}>
            {t("JSON lines, for a program")}
          </Menu.Item>
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
    <aside className={page.detail} aria-label={t("Entry")}>
      <DetailHead
        title={actionWords(entry.action)}
        about={dayAndClock(entry.time)}
        onClose={onClose}
      />
      <section className={page.detailSection} aria-label={t("About")}>
        <dl className={page.facts}>
          <dt>{t("Who")}</dt>
          <dd>{actorWords(entry.actor)}</dd>
          <dt>{t("From")}</dt>
          <dd>{entry.address ?? <span className="dim">{t("within the platform")}</span>}</dd>
          <dt>{t("On")}</dt>
          <dd title={entry.subject_id}>
            {entry.subject_type} <span className="mono">{shortId(entry.subject_id)}</span>
          </dd>
          {entry.exam_id && (
            <>
              <dt>{t("Exam")}</dt>
              <dd>
                <Link to="/exams/$examId" params={{ examId: entry.exam_id }}>
                  {t("Open")}
                </Link>
              </dd>
            </>
          )}
          {entry.patient_id && (
            <>
              <dt>{t("Patient")}</dt>
              <dd>
                <Link to="/patients" search={{ id: entry.patient_id }}>
                  {t("Open")}
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
            {t("All about this {subjectType}", { subjectType: entry.subject_type })}
          </Button>
          {entry.correlation_id && <CorrelationId id={entry.correlation_id} />}
        </div>
      </section>
      <DetailSection title={t("What it changed")}>
        {changes.length === 0 ? (
          <p className="dim">{t("No field of a record.")}</p>
        ) : (
          <table className={css.changes}>
            <thead>
              <tr>
                <th scope="col">{t("Field")}</th>
                <th scope="col">{t("Before")}</th>
                <th scope="col">{t("After")}</th>
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

import { Button } from "@mantine/core";
import { IconAlertTriangle, IconCalendarEvent, IconUserPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import type { Patient, WorklistItem } from "../../api/types";
import { ColumnsMenu, useColumns } from "../../shared/columns";
import { type Column, DataTable } from "../../shared/DataTable";
import {
  ageText,
  clock,
  day,
  hasWeight,
  patientNumber,
  personName,
  sexWord,
} from "../../shared/format";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, QueryView } from "../../shared/states";
import { ITEM_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { useBarcode } from "./useBarcode";
import { arrange, type Days, scheduledDay } from "./worklist";

const PatientModal = lazy(() => import("../patients/PatientModal"));
const StartExamModal = lazy(() => import("../patients/StartExamModal"));

const COLUMNS: Column<WorklistItem>[] = [
  {
    key: "when",
    head: "Scheduled",
    width: "92px",
    cell: (item) =>
      scheduledDay(item) === day(Date.now())
        ? clock(item.exam.datetime_created, false)
        : scheduledDay(item),
  },
  {
    key: "patient",
    head: "Patient",
    width: "minmax(130px, 1.6fr)",
    cell: ({ patient }) => <strong title={personName(patient)}>{personName(patient)}</strong>,
  },
  {
    key: "id",
    head: "ID",
    width: "minmax(104px, 0.8fr)",
    cell: ({ patient }) => <span title={patientNumber(patient)}>{patientNumber(patient)}</span>,
  },
  {
    key: "born",
    head: "Born",
    width: "200px",
    optional: true,
    cell: ({ patient }) => (
      <>
        {patient.birth_date}{" "}
        <span className="dim">
          {ageText(patient.birth_date)}
          {patient.sex !== "NOT_GIVEN" && `, ${sexWord(patient.sex)}`}
        </span>
      </>
    ),
  },
  {
    key: "exam",
    head: "Exam",
    width: "minmax(160px, 2fr)",
    cell: ({ exam, patient }) => (
      <>
        {exam.name}
        {exam.indication && <span className="dim"> · {exam.indication}</span>}
        {!hasWeight(patient) && (
          <span style={{ color: "var(--status-warn)" }}>
            {" "}
            <IconAlertTriangle size={14} aria-hidden /> weight missing
          </span>
        )}
      </>
    ),
  },
  {
    key: "tasks",
    head: "Tasks",
    optional: true,
    width: "64px",
    cell: ({ exam }) => `${exam.tasks_finished}/${exam.tasks_total}`,
  },
  {
    key: "status",
    head: "Status",
    width: "100px",
    cell: ({ exam }) => <StatusBadge look={ITEM_STATUS[exam.status]} />,
  },
];

const ALWAYS = ["patient", "status"];

/** The rows as they were, while neither they nor what is asked of them has changed. */
function useArranged() {
  const [once] = useState(() => {
    let known: { asked: unknown[]; rows: WorklistItem[] } | null = null;
    return (...asked: Parameters<typeof arrange>) => {
      if (!known || asked.some((one, at) => one !== known?.asked[at])) {
        known = { asked, rows: arrange(...asked) };
      }
      return known.rows;
    };
  });
  return once;
}

interface Props {
  filter: string;
  days: Days;
  onFilter: (filter: string) => void;
  onDays: (days: Days) => void;
}

export function WorklistPage({ filter, days, onFilter, onDays }: Props) {
  const worklist = useQuery(queries.worklist);
  const navigate = useNavigate();
  const [registering, setRegistering] = useState(false);
  const [planFor, setPlanFor] = useState<Patient | null>(null);
  const today = day(useNow(true, 60_000));
  const { columns, hidden, toggle } = useColumns("worklist", COLUMNS);
  const arrangedOf = useArranged();
  useBarcode(onFilter);
  const open = ({ exam }: WorklistItem) =>
    void navigate({ to: "/exams/$examId", params: { examId: exam.id } });
  return (
    <div className={page.page}>
      <PageHead
        title="Worklist"
        filter={filter}
        placeholder="Filter by name, ID, birth date, exam"
        onFilter={onFilter}
      >
        <ColumnsMenu all={COLUMNS} always={ALWAYS} hidden={hidden} onToggle={toggle} />
        <DaysChoice days={days} onDays={onDays} />
        <Button leftSection={<IconUserPlus size={16} />} onClick={() => setRegistering(true)}>
          Register patient
        </Button>
      </PageHead>
      <QueryView
        query={worklist}
        rows={10}
        safe="No exam is lost: this list could not be read. A running scan goes on."
      >
        {(items) => {
          const rows = arrangedOf(items, days, filter, today);
          return rows.length > 0 ? (
            <DataTable
              label="Worklist"
              rows={rows}
              columns={columns}
              rowId={({ exam }) => exam.id}
              onOpen={open}
            />
          ) : (
            <Nothing filter={filter} days={days} onFilter={onFilter} onDays={onDays} />
          );
        }}
      </QueryView>
      <Suspense>
        {registering && (
          <PatientModal
            patient={null}
            onClose={() => setRegistering(false)}
            onSaved={(patient) => setPlanFor(patient)}
          />
        )}
        {planFor && <StartExamModal patient={planFor} onClose={() => setPlanFor(null)} />}
      </Suspense>
    </div>
  );
}

function DaysChoice({ days, onDays }: Pick<Props, "days" | "onDays">) {
  return (
    <div className={page.choice} role="group" aria-label="Days">
      <button type="button" aria-pressed={days === "today"} onClick={() => onDays("today")}>
        Today
      </button>
      <button type="button" aria-pressed={days === "all"} onClick={() => onDays("all")}>
        All days
      </button>
    </div>
  );
}

function Nothing({ filter, days, onFilter, onDays }: Props) {
  if (filter) {
    return (
      <Empty
        title={`Nothing matches “${filter}”`}
        action={
          <Button variant="default" onClick={() => onFilter("")}>
            Clear the filter
          </Button>
        }
      >
        The patient may be registered without an exam:{" "}
        <Link to="/patients" search={{ q: filter }}>
          look among all patients
        </Link>
        .
      </Empty>
    );
  }
  return (
    <Empty
      icon={IconCalendarEvent}
      title={days === "today" ? "No exams today" : "No exams yet"}
      action={
        days === "today" && (
          <Button variant="default" onClick={() => onDays("all")}>
            Show all days
          </Button>
        )
      }
    >
      Register a patient, or <Link to="/patients">choose one of the patients</Link> and start an
      exam. New here? <Link to="/welcome">Get started</Link> step by step.
    </Empty>
  );
}

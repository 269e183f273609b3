import { IconAlertTriangle } from "@tabler/icons-react";

import type { Device, WorklistItem } from "../../api/types";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { ageText, clock, hasWeight, patientNumber, personName, sexWord } from "../../shared/format";
import { ITEM_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { scheduledDay } from "./worklist";
import css from "./worklist.module.css";

/** What a row cannot be told apart without. */
export const ALWAYS = ["patient", "status"];

export const columnsOf = (today: string, devices: Device[]): Column<WorklistItem>[] => [
  {
    key: "when",
    head: t("Scheduled"),
    width: "92px",
    cell: (item) =>
      scheduledDay(item) === today ? clock(item.exam.datetime_created, false) : scheduledDay(item),
  },
  {
    key: "patient",
    head: t("Patient"),
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
    head: t("Born"),
    width: "180px",
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
    head: t("Exam"),
    width: "minmax(150px, 2fr)",
    cell: ({ exam, patient }) => (
      <>
        {exam.name}
        {exam.indication && <span className="dim"> · {exam.indication}</span>}
        {!hasWeight(patient) && (
          <span style={{ color: "var(--status-warn)" }}>
            {" "}
            <IconAlertTriangle size={14} aria-hidden /> {t("weight missing")}
          </span>
        )}
      </>
    ),
  },
  {
    key: "device",
    head: t("Device"),
    width: "minmax(96px, 0.9fr)",
    optional: true,
    cell: ({ exam }) => <Devices ids={exam.device_ids ?? []} devices={devices} />,
  },
  {
    key: "tasks",
    head: t("Tasks"),
    optional: true,
    width: "96px",
    cell: ({ exam }) => <Done exam={exam} />,
  },
  {
    key: "status",
    head: t("Status"),
    width: "100px",
    cell: ({ exam }) => <StatusBadge look={ITEM_STATUS[exam.status]} />,
  },
];

function Devices({ ids, devices }: { ids: string[]; devices: Device[] }) {
  const names = ids.map((id) => devices.find((device) => device.id === id)?.name ?? "removed");
  return names.length > 0 ? names.join(", ") : <span className="dim">{t("none")}</span>;
}

/** How many tasks are done, as a number and as a length; what failed is seen from afar. */
function Done({ exam }: { exam: WorklistItem["exam"] }) {
  const { tasks_total: total, tasks_finished: done, tasks_failed: failed = 0 } = exam;
  const part = (count: number) => `${total > 0 ? (100 * count) / total : 0}%`;
  return (
    <span
      className={css.tasks}
      title={t("{done} of {total} tasks done{which}", {
        done,
        total,
        which: failed > 0 ? t(", {failed} failed", { failed }) : "",
      })}
    >
      <span className="live-number">
        {done}/{total}
      </span>
      <span className={css.meter} aria-hidden>
        <span style={{ width: part(done), background: "var(--status-done)" }} />
        <span style={{ width: part(failed), background: "var(--status-fault)" }} />
      </span>
      {failed > 0 && <span className="visually-hidden">{t(", {failed} failed", { failed })}</span>}
    </span>
  );
}

import { IconAlertTriangle, IconInfoCircle, IconPencil, IconX } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import type { Exam, Patient } from "../../api/types";
import {
  ageText,
  hasWeight,
  patientNumber,
  personName,
  sexWord,
  withUnit,
} from "../../shared/format";
import { isActive } from "../../shared/status";
import css from "./shell.module.css";

const PatientModal = lazy(() => import("../patients/PatientModal"));

interface Props {
  exam: Exam | null;
  patient: Patient | null;
  problem: unknown;
  onClose: () => void;
  closable: boolean;
}

export function PatientBanner({ exam, patient, problem, onClose, closable }: Props) {
  const [editing, setEditing] = useState(false);
  const navigate = useNavigate();
  const busy =
    !closable &&
    (exam?.workflows ?? []).some(({ tasks }) =>
      tasks.some((task) => task.task_type === "ACQUISITION" && isActive(task.status)),
    );
  const close = () => {
    onClose();
    void navigate({ to: "/" });
  };
  return (
    <header className={css.banner} data-testid="patient-banner" aria-label="Patient">
      {patient ? (
        <Facts patient={patient} onEdit={() => setEditing(true)} />
      ) : (
        <NoPatient problem={problem} />
      )}
      <span className={css.bannerExam}>
        {exam && (
          <>
            <strong>{exam.name}</strong>
            {exam.indication && <span className="dim"> · {exam.indication}</span>}
          </>
        )}
      </span>
      <span className={css.bannerSpacer} />
      <button
        type="button"
        className={css.bannerButton}
        aria-label="Close exam"
        title={busy ? "A scan is running: stop it or let it finish first" : "Close exam"}
        disabled={busy}
        onClick={close}
      >
        <IconX size={18} aria-hidden />
      </button>
      {editing && patient && (
        <Suspense>
          <PatientModal patient={patient} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </header>
  );
}

function Facts({ patient, onEdit }: { patient: Patient; onEdit: () => void }) {
  return (
    <>
      <span className={css.bannerName} title={personName(patient)}>
        {personName(patient)}
      </span>
      <span className={css.bannerFact} title={`Patient ID ${patient.patient_id ?? patient.id}`}>
        <span>ID</span> {patientNumber(patient)}
      </span>
      <span className={css.bannerFact}>
        <span>born</span> {patient.birth_date}
        <span>{ageText(patient.birth_date)}</span>
      </span>
      <span className={css.bannerFact}>
        {patient.sex === "NOT_GIVEN" ? "sex not given" : sexWord(patient.sex)}
      </span>
      {hasWeight(patient) ? (
        <span className={css.bannerFact}>{withUnit(patient.weight, "kg", 1)}</span>
      ) : (
        <button type="button" className={css.bannerMissing} onClick={onEdit}>
          <IconAlertTriangle size={16} aria-hidden /> Weight missing
        </button>
      )}
      <span className={`${css.bannerFact} ${css.bannerOptional}`}>
        {patient.height ? withUnit(patient.height, "cm") : ""}
      </span>
      {patient.comment && (
        <span className={`${css.bannerNote} ${css.bannerOptional}`} title={patient.comment}>
          <IconInfoCircle size={16} aria-hidden /> {patient.comment}
        </span>
      )}
      <button
        type="button"
        className={css.bannerButton}
        aria-label="Edit patient"
        title="Edit patient"
        onClick={onEdit}
      >
        <IconPencil size={16} aria-hidden />
      </button>
    </>
  );
}

function NoPatient({ problem }: { problem: unknown }) {
  if (!problem) return <span className="dim">Loading the patient</span>;
  return (
    <span role="alert" style={{ color: "var(--status-fault)" }}>
      <IconAlertTriangle size={16} aria-hidden /> Patient could not be read:{" "}
      {problem instanceof Error ? problem.message : "unknown error"}
    </span>
  );
}

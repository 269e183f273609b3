import { IconAlertTriangle, IconInfoCircle, IconPencil, IconX } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import type { Exam, Patient } from "../../api/types";
import { t } from "../../i18n";
import {
  ageText,
  hasWeight,
  patientNumber,
  personName,
  sexWord,
  withUnit,
} from "../../shared/format";
import { flagsOf, isUnscreened, POSITION_WORDS } from "../../shared/patient";
import { isActive } from "../../shared/status";
import css from "./shell.module.css";

const PositionMenu = lazy(() => import("../exam/PositionMenu"));
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
    <header className={css.banner} data-testid="patient-banner" aria-label={t("Patient")}>
      {patient ? (
        <Facts patient={patient} exam={exam} turnable={!busy} onEdit={() => setEditing(true)} />
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
        aria-label={t("Close exam")}
        title={busy ? t("A scan is running: stop it or let it finish first") : t("Close exam")}
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

interface FactsProps {
  patient: Patient;
  exam: Exam | null;
  /** Nothing is scanned: the patient may be turned. */
  turnable: boolean;
  onEdit: () => void;
}

function Facts({ patient, exam, turnable, onEdit }: FactsProps) {
  return (
    <>
      <span className={css.bannerName} title={personName(patient)}>
        {personName(patient)}
      </span>
      <span
        className={css.bannerFact}
        title={t("Patient ID {patientId}", { patientId: patient.patient_id ?? patient.id })}
      >
        <span>{t("ID")}</span> {patientNumber(patient)}
      </span>
      <span className={css.bannerFact}>
        <span>{t("born")}</span> {patient.birth_date}
        <span>{ageText(patient.birth_date)}</span>
      </span>
      <span className={css.bannerFact}>
        {patient.sex === "NOT_GIVEN" ? t("sex not given") : sexWord(patient.sex)}
      </span>
      {hasWeight(patient) ? (
        <span className={css.bannerFact}>{withUnit(patient.weight, "kg", 1)}</span>
      ) : (
        <button type="button" className={css.bannerMissing} onClick={onEdit}>
          <IconAlertTriangle size={16} aria-hidden /> {t("Weight missing")}
        </button>
      )}
      {exam && <Position exam={exam} turnable={turnable} />}
      <Flags patient={patient} onEdit={onEdit} />
      <span className={`${css.bannerFact} ${css.bannerHeight}`}>
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
        aria-label={t("Edit patient")}
        title={t("Edit patient")}
        onClick={onEdit}
      >
        <IconPencil size={16} aria-hidden />
      </button>
    </>
  );
}

/** How the patient lies, and where it is changed. */
function Position({ exam, turnable }: { exam: Exam; turnable: boolean }) {
  const position = exam.patient_position;
  return (
    <Suspense>
      <PositionMenu exam={exam} position="bottom-start">
        <button
          type="button"
          className={position ? css.bannerChange : css.bannerMissing}
          aria-label={
            position
              ? t("Patient position: {positionWords}", { positionWords: POSITION_WORDS[position] })
              : undefined
          }
          title={
            turnable
              ? t("{position}: change it", {
                  position: position ? POSITION_WORDS[position] : t("Not told"),
                })
              : t("A scan is running: the position is changed after it")
          }
          disabled={!turnable}
        >
          {position ? (
            position
          ) : (
            <>
              <IconAlertTriangle size={16} aria-hidden /> {t("Position?")}
            </>
          )}
        </button>
      </PositionMenu>
    </Suspense>
  );
}

/** What a scan has to mind: never hidden, whatever the width. */
function Flags({ patient, onEdit }: { patient: Patient; onEdit: () => void }) {
  const flags = flagsOf(patient);
  return (
    <span className={css.flags}>
      {flags.map(({ kind, word, text }) => (
        <button
          key={kind}
          type="button"
          className={css.flag}
          data-kind={kind}
          title={`${word}: ${text}`}
          onClick={onEdit}
        >
          <IconAlertTriangle size={16} aria-hidden />
          <strong>{word}</strong> <span className={css.flagText}>{text}</span>
        </button>
      ))}
      {isUnscreened(patient) && (
        <button
          type="button"
          className={css.bannerMissing}
          title={t("Nobody has entered whether the patient has implants")}
          onClick={onEdit}
        >
          <IconAlertTriangle size={16} aria-hidden /> {t("Not screened")}
        </button>
      )}
    </span>
  );
}

function NoPatient({ problem }: { problem: unknown }) {
  if (!problem) return <span className="dim">{t("Loading the patient")}</span>;
  return (
    <span role="alert" style={{ color: "var(--status-fault)" }}>
      <IconAlertTriangle size={16} aria-hidden />{" "}
      {t("Patient could not be read: {reason}", {
        reason: problem instanceof Error ? problem.message : t("unknown error"),
      })}
    </span>
  );
}

import { Button } from "@mantine/core";
import { IconPencil, IconPlayerPlay, IconUserPlus, IconUsers } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { moreOf } from "../../api/pages";
import { queries } from "../../api/queries";
import type { Patient } from "../../api/types";
import { examsOf } from "../../api/worklist";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { ageText, day, patientNumber, personName, sexWord, withUnit } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { isUnscreened, PREGNANCY_WORDS } from "../../shared/patient";
import { Empty, QueryView } from "../../shared/states";
import { ITEM_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";

const PatientModal = lazy(() => import("./PatientModal"));
const StartExamModal = lazy(() => import("./StartExamModal"));

const COLUMNS: Column<Patient>[] = [
  {
    key: "name",
    head: t("Patient"),
    width: "minmax(150px, 2fr)",
    cell: (patient) => <strong>{personName(patient)}</strong>,
  },
  { key: "id", head: "ID", width: "minmax(104px, 0.8fr)", cell: patientNumber },
  { key: "born", head: t("Born"), width: "92px", cell: (patient) => patient.birth_date },
  { key: "age", head: t("Age"), width: "56px", cell: (patient) => ageText(patient.birth_date) },
  { key: "sex", head: t("Sex"), width: "88px", cell: (patient) => sexWord(patient.sex) },
  {
    key: "weight",
    head: t("Weight"),
    width: "72px",
    optional: true,
    cell: (p) => withUnit(p.weight || null, "kg", 1),
  },
  {
    key: "height",
    head: t("Height"),
    width: "72px",
    optional: true,
    cell: (p) => withUnit(p.height || null, "cm"),
  },
  {
    key: "added",
    head: t("Registered"),
    optional: true,
    width: "92px",
    cell: (patient) => day(patient.datetime_created),
  },
];

interface Props {
  filter: string;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onSelect: (id: string | null) => void;
}

export function PatientsPage({ filter, selectedId, onFilter, onSelect }: Props) {
  const patients = useQuery(queries.patients);
  const [registering, setRegistering] = useState(false);
  const selected = patients.data?.find(({ id }) => id === selectedId) ?? null;
  return (
    <div className={page.page}>
      <PageHead
        title={t("Patients")}
        filter={filter}
        placeholder={t("Filter by name, ID, birth date")}
        onFilter={onFilter}
      >
        <Button leftSection={<IconUserPlus size={16} />} onClick={() => setRegistering(true)}>
          {t("Register patient")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={patients}
        rows={patients.data
          ?.filter((p) =>
            containsWords([personName(p), p.id, patientNumber(p), p.birth_date], filter),
          )
          .toSorted((a, b) => personName(a).localeCompare(personName(b)))}
        safe={t("No patient data was changed.")}
        label={t("Patients")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        empty={
          <Empty
            icon={IconUsers}
            title={filter ? t("Nobody matches “{filter}”", { filter }) : t("No patients yet")}
          >
            {filter
              ? t("Check the spelling, or register the patient.")
              : t("Register the first one.")}
          </Empty>
        }
        detail={
          selected && (
            <PatientDetail key={selected.id} patient={selected} onClose={() => onSelect(null)} />
          )
        }
        narrow
      />
      <Suspense>
        {registering && (
          <PatientModal
            patient={null}
            onClose={() => setRegistering(false)}
            onSaved={({ id }) => onSelect(id)}
          />
        )}
      </Suspense>
    </div>
  );
}

function PatientDetail({ patient, onClose }: { patient: Patient; onClose: () => void }) {
  const [dialog, setDialog] = useState<"edit" | "exam" | null>(null);
  const exams = useInfiniteQuery(examsOf(patient.id));
  const close = () => setDialog(null);
  return (
    <aside
      className={page.detail}
      aria-label={t("Patient {patient}", { patient: personName(patient) })}
    >
      <DetailHead title={personName(patient)} onClose={onClose} />
      <section className={page.detailSection}>
        <dl className={page.facts}>
          <dt>{t("Patient ID")}</dt>
          <dd className="mono">{patient.patient_id ?? patient.id}</dd>
          <dt>{t("Born")}</dt>
          <dd>
            {patient.birth_date}, {ageText(patient.birth_date)}
          </dd>
          <dt>{t("Sex")}</dt>
          <dd>{sexWord(patient.sex)}</dd>
          <dt>{t("Weight")}</dt>
          <dd>{withUnit(patient.weight || null, "kg", 1)}</dd>
          <dt>{t("Height")}</dt>
          <dd>{withUnit(patient.height, "cm")}</dd>
          <dt>{t("Implants")}</dt>
          <dd>
            {isUnscreened(patient) ? t("not asked yet") : patient.implants?.join("; ") || t("none")}
          </dd>
          {patient.pregnancy_status && (
            <>
              <dt>{t("Pregnancy")}</dt>
              <dd>{PREGNANCY_WORDS[patient.pregnancy_status]}</dd>
            </>
          )}
          {patient.allergies.length > 0 && (
            <>
              <dt>{t("Allergies")}</dt>
              <dd>{patient.allergies.join("; ")}</dd>
            </>
          )}
          {patient.medical_alerts.length > 0 && (
            <>
              <dt>{t("Alerts")}</dt>
              <dd>{patient.medical_alerts.join("; ")}</dd>
            </>
          )}
          {patient.comment && (
            <>
              <dt>{t("Comment")}</dt>
              <dd>{patient.comment}</dd>
            </>
          )}
        </dl>
        <div className={page.buttons}>
          <Button leftSection={<IconPlayerPlay size={16} />} onClick={() => setDialog("exam")}>
            {t("Start exam")}
          </Button>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            onClick={() => setDialog("edit")}
          >
            {t("Edit")}
          </Button>
        </div>
      </section>
      <DetailSection title={t("Exams")}>
        <QueryView query={exams} rows={2} safe={t("No exam was changed.")}>
          {(found) =>
            found.length === 0 ? (
              <p className="dim">{t("No exam yet.")}</p>
            ) : (
              <ul>
                {found.map((exam) => (
                  <li key={exam.id}>
                    <Link to="/exams/$examId" params={{ examId: exam.id }} className={page.rowLink}>
                      <span>{exam.name}</span>
                      <span className="dim">{day(exam.datetime_created)}</span>
                      <StatusBadge look={ITEM_STATUS[exam.status]} />
                    </Link>
                  </li>
                ))}
              </ul>
            )
          }
        </QueryView>
        {exams.hasNextPage && (
          <Button variant="default" loading={exams.isFetching} onClick={moreOf(exams)}>
            {t("Show more exams")}
          </Button>
        )}
      </DetailSection>
      <Suspense>
        {dialog === "edit" && <PatientModal patient={patient} onClose={close} />}
        {dialog === "exam" && <StartExamModal patient={patient} onClose={close} />}
      </Suspense>
    </aside>
  );
}

import { Button } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import type { AcquisitionTask, Exam, Patient } from "../../api/types";
import { t } from "../../i18n";
import { sexWord, withUnit } from "../../shared/format";
import page from "../../shared/page.module.css";
import { POSITION_WORDS, PREGNANCY_WORDS } from "../../shared/patient";
import css from "./exam.module.css";
import { Fact } from "./Fact";

const PatientModal = lazy(() => import("../patients/PatientModal"));
const PositionMenu = lazy(() => import("./PositionMenu"));

/** What of the patient the scanner is told: as it was sent, or as it would be sent now. */
export function ScanLimits({
  exam,
  task,
  patient,
}: {
  exam: Exam;
  task: AcquisitionTask;
  patient: Patient | null;
}) {
  const [editing, setEditing] = useState(false);
  const sent = task.acquisition_limits;
  const position = (sent ?? exam).patient_position;
  const pregnancy = (sent ?? patient)?.pregnancy_status;
  const implant = sent ? sent.has_implant : patient?.implants && patient.implants.length > 0;
  const sex = sent?.patient_gender ?? patient?.sex;
  return (
    <>
      <dl className={css.facts}>
        <Fact name={t("Weight")}>
          {withUnit((sent?.patient_weight ?? patient?.weight) || null, "kg", 1)}
        </Fact>
        <Fact name={t("Height")}>
          {withUnit((sent?.patient_height ?? patient?.height) || null, "cm")}
        </Fact>
        {sex && <Fact name={t("Sex")}>{sexWord(sex)}</Fact>}
        <Fact name={t("Position")}>
          {position ? `${POSITION_WORDS[position]} (${position})` : t("not told")}
        </Fact>
        <Fact name={t("Implant")}>
          {implant === true ? t("yes") : implant === false ? t("no") : t("not asked")}
        </Fact>
        <Fact name={t("Pregnancy")}>{pregnancy ? PREGNANCY_WORDS[pregnancy] : t("not asked")}</Fact>
      </dl>
      {!sent && patient && (
        <div className={page.buttons}>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPencil size={14} />}
            onClick={() => setEditing(true)}
          >
            {t("Edit limits")}
          </Button>
          <Suspense>
            <PositionMenu exam={exam} position="bottom-start">
              <Button size="xs" variant="default">
                {t("Change position")}
              </Button>
            </PositionMenu>
          </Suspense>
        </div>
      )}
      {editing && patient && (
        <Suspense>
          <PatientModal patient={patient} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </>
  );
}

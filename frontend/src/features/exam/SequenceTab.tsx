import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";

import { queries } from "../../api/queries";
import { type Exam, isScan } from "../../api/types";
import { t } from "../../i18n";
import { Empty, Loading, QueryView } from "../../shared/states";
import { SafetySection } from "./SafetySection";
import { type Located, scansBehind, sequenceOf } from "./tree";

const SequenceViewer = lazy(() => import("../sequence/SequenceViewer"));

/** The sequence of the selected scan, or of the scan that a selected job reads. */
export function SequenceTab({ exam, selected }: { exam: Exam; selected: Located | null }) {
  const sequences = useQuery(queries.sequences);
  const patientId = exam.patient_id ?? "";
  const patient = useQuery({ ...queries.patient(patientId), enabled: patientId !== "" }).data;
  const task = selected ? scansBehind(exam, selected.task.id)[0]?.task : undefined;
  if (!task)
    return <Empty title={t("No sequence")}>{t("Select a scan to see its sequence.")}</Empty>;
  return (
    <QueryView query={sequences} rows={6} safe={t("The sequence is stored.")}>
      {(all) => {
        const sequence = sequenceOf(task, all);
        if (!sequence) {
          return (
            <Empty title={t("No sequence")}>{t("This scan has none, or it was deleted.")}</Empty>
          );
        }
        return (
          <Suspense fallback={<Loading label={t("Loading the plots")} rows={6} />}>
            <SequenceViewer key={sequence._id} sequence={sequence}>
              {isScan(task) && (
                <SafetySection
                  task={task}
                  patient={patient ?? null}
                  position={exam.patient_position ?? null}
                />
              )}
            </SequenceViewer>
          </Suspense>
        );
      }}
    </QueryView>
  );
}

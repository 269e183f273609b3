import { useQuery } from "@tanstack/react-query";

import { ApiError } from "../../api/problem";
import { queries } from "../../api/queries";
import { DeviceStrip } from "../acquisition/DeviceStrip";
import { closeExam, type OpenExam } from "./openExam";
import { PatientBanner } from "./PatientBanner";

/** What stays the same on every page while an exam is open: who lies in the scanner, and STOP. */
export default function ExamFrame({ open }: { open: OpenExam }) {
  const exam = useQuery(queries.exam(open.examId));
  const patientId = exam.data?.patient_id ?? null;
  const patient = useQuery({ ...queries.patient(patientId ?? ""), enabled: patientId !== null });
  const gone = exam.error instanceof ApiError && exam.error.status === 404;
  return (
    <>
      <PatientBanner
        exam={exam.data ?? null}
        patient={patient.data ?? null}
        problem={exam.error ?? patient.error}
        onClose={closeExam}
        closable={gone}
      />
      <DeviceStrip exam={exam.data ?? null} patient={patient.data ?? null} open={open} />
    </>
  );
}

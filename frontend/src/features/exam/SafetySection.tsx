import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import type { SafetyVerdict } from "../../api/safety";
import type { AcquisitionTask, Patient, PatientPosition } from "../../api/types";
import { plural, t } from "../../i18n";
import { serverText } from "../../i18n/server";
import { ErrorLine, Reasons } from "../../shared/states";
import { isActive } from "../../shared/status";
import css from "./exam.module.css";

/** The question to the safety gate; asked anew when anything that it rests on has changed. */
export function useSafetyQuery(
  task: AcquisitionTask,
  patient: Patient | null,
  position: PatientPosition | null,
) {
  const device = useQuery(queries.devices).data?.find(({ id }) => id === task.device_id);
  const basis = {
    sequence: task.sequence_id,
    placed: task.acquisition_parameter,
    patient: [patient?.weight, patient?.height, patient?.implants, patient?.pregnancy_status],
    position,
    device: [device?.id, device?.system_limits, device?.parameter],
  };
  return {
    ...queries.safety(device?.id ?? "", task.id, basis),
    enabled: device !== undefined && patient !== null && !isActive(task.status),
  };
}

/** What the safety gate would say to a start now; the start itself is judged anew. */
export function SafetySection({
  task,
  patient,
  position,
}: {
  task: AcquisitionTask;
  patient: Patient | null;
  position: PatientPosition | null;
}) {
  const found = useQuery(useSafetyQuery(task, patient, position));
  if (!found.data && !found.error) return null;
  return (
    <section className={css.section} aria-label={t("Safety check")}>
      <h3>{t("Safety check")}</h3>
      {found.data ? <Verdict found={found.data} /> : <ErrorLine error={found.error} />}
    </section>
  );
}

/** What it comes to, and why; `brief` where there is little room. */
export function Verdict({ found, brief }: { found: SafetyVerdict; brief?: boolean }) {
  const of = (severity: string) =>
    found.reasons
      .filter((reason) => reason.severity === severity)
      .map(({ text }) => serverText(text));
  const notes = of("note");
  const against = [...of("refuse"), ...of("confirm")];
  const Icon = found.outcome === "pass" ? IconCircleCheck : IconAlertTriangle;
  return (
    <>
      <p className={css.verdict} data-outcome={found.outcome}>
        <Icon size={16} aria-hidden /> {words(found)}
      </p>
      {brief && against.length > 0 ? (
        <details className={css.brief}>
          <summary>{plural(against.length, "{n} reason", "{n} reasons")}</summary>
          <Reasons reasons={against} />
        </details>
      ) : (
        <Reasons reasons={against} />
      )}
      {!brief && notes.length > 0 && (
        <details>
          <summary>{t("Not checked or for information ({n})", { n: notes.length })}</summary>
          <Reasons reasons={notes} />
        </details>
      )}
    </>
  );
}

function words({ outcome, operating_mode: mode }: SafetyVerdict): string {
  if (outcome === "refuse") return t("Cannot be started");
  if (mode === "first_level") return t("First Level: has to be confirmed");
  if (outcome === "confirm") return t("Has to be confirmed");
  return mode === "normal"
    ? t("Normal Operating Mode")
    : t("Nothing against it; not all was checked");
}

import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { draftedSafety } from "../../api/plan";
import { queries } from "../../api/queries";
import type { AcquisitionTask, Patient, PatientPosition } from "../../api/types";
import { t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import css from "./exam.module.css";
import { useSafetyQuery, Verdict } from "./SafetySection";
import { effectsOfDraft } from "./scanEffects";
import { sequenceOf } from "./tree";

const TYPED_OUT_MS = 250;

/** What a draft would do, beside what is stored; nothing is stored by asking. */
export function Effects({
  task,
  planned,
  patient,
  position,
}: {
  task: AcquisitionTask;
  planned: AcquisitionTask;
  patient: Patient | null;
  position: PatientPosition | null;
}) {
  const sequences = useQuery(queries.sequences).data;
  const stored = useSafetyQuery(task, patient, position);
  const now = useQuery(stored);
  const [settled] = useDebouncedValue(planned, TYPED_OUT_MS);
  const then = useQuery({
    ...draftedSafety(task.device_id ?? "", task.id, stored.queryKey, {
      acquisition_parameter: settled.acquisition_parameter,
      sequence_id: settled.sequence_id,
    }),
    enabled: stored.enabled,
  });
  const rows = effectsOfDraft(
    { task, sequence: sequenceOf(task, sequences), verdict: now.data },
    { task: planned, sequence: sequenceOf(planned, sequences), verdict: then.data },
  );
  return (
    <section aria-label={t("Effects")} data-testid="effects" aria-busy={then.isFetching}>
      <table className={css.effects}>
        <thead>
          <tr>
            <th scope="col">{t("Effect")}</th>
            <th scope="col">{t("Now")}</th>
            <th scope="col">{t("Then")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name} data-changed={row.before !== row.after || undefined}>
              <th scope="row">{row.name}</th>
              <td>{row.before}</td>
              <td>{then.isFetching && !then.data ? "…" : row.after}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {then.data && <Verdict found={then.data} brief />}
      <ErrorLine error={then.error} />
      {!task.device_id && <p className="dim">{t("Choose a device to have it judged.")}</p>}
    </section>
  );
}

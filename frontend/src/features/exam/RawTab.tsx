import { Select } from "@mantine/core";
import { lazy, Suspense, useState } from "react";

import type { Exam } from "../../api/types";
import { t } from "../../i18n";
import { clock } from "../../shared/format";
import { Empty, Loading } from "../../shared/states";
import css from "./exam.module.css";
import { type Located, rawDataOf, scansBehind } from "./tree";

const RawViewer = lazy(() => import("../raw/RawViewer"));

/** What the selected scan measured, or the scan that a selected job reads. */
export function RawTab({ exam, selected }: { exam: Exam; selected: Located | null }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const measured = selected ? scansBehind(exam, selected.task.id).flatMap(rawDataOf) : [];
  const shown = measured.find(({ result }) => result.id === chosen) ?? measured[0];
  if (!shown) {
    return (
      <Empty title={t("No raw data yet")}>
        {selected ? t("They appear here when the scan is stored.") : t("Select a scan.")}
      </Empty>
    );
  }
  return (
    <>
      {measured.length > 1 && (
        <Select
          aria-label={t("Scan")}
          size="xs"
          className={css.measured}
          allowDeselect={false}
          value={shown.result.id}
          onChange={setChosen}
          data={measured.map(({ task, result }) => ({
            value: result.id,
            label: `${task.name} · ${clock(result.datetime_created)}`,
          }))}
        />
      )}
      <Suspense fallback={<Loading label={t("Loading the plots")} rows={6} />}>
        <RawViewer
          key={shown.result.id}
          place={{
            workflow_id: shown.workflow.id,
            task_id: shown.task.id,
            result_id: shown.result.id,
          }}
          files={shown.files}
        />
      </Suspense>
    </>
  );
}

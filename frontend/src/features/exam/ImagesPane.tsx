import { Select } from "@mantine/core";
import { IconPhotoOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { anyFileUrl, resultFileUrl } from "../../api/endpoints";
import { queries } from "../../api/queries";
import type { Exam, Result } from "../../api/types";
import { t } from "../../i18n";
import { clock, day } from "../../shared/format";
import page from "../../shared/page.module.css";
import { Empty, Loading } from "../../shared/states";
import { isActive } from "../../shared/status";
import type { ShownSeries } from "../dicom/DicomViewer";
import { onTheTable } from "../dicom/identity";
import { FileLink } from "../files/FileLink";
import { fileKind } from "../files/kinds";
import css from "./exam.module.css";
import { PreviewPane } from "./PreviewPane";
import { RawTab } from "./RawTab";
import { SequenceTab } from "./SequenceTab";
import { allSeries, imagesFor, isOfEarlierScan, type Located, type Series } from "./tree";

const DicomViewer = lazy(() => import("../dicom/DicomViewer"));

type Tab = "images" | "raw" | "sequence" | "files";

export default function ImagesPane({ exam, selected }: { exam: Exam; selected: Located | null }) {
  const [tab, setTab] = useState<Tab>("images");
  const series = selected ? imagesFor(exam, selected.task.id) : [];
  const [chosenId, setChosenId] = useState<string | null>(null);
  const shown = series.find(({ result }) => result.id === chosenId) ?? series[0] ?? null;
  return (
    <section className={css.images} aria-label={t("Images")}>
      <header className={css.imagesHead}>
        <div role="tablist" aria-label={t("What to show")} className={page.tabs}>
          <TabButton id="images" label={t("Images")} current={tab} onPick={setTab} />
          <TabButton id="raw" label={t("Raw data")} current={tab} onPick={setTab} />
          <TabButton id="sequence" label={t("Sequence")} current={tab} onPick={setTab} />
          <TabButton id="files" label={t("Files")} current={tab} onPick={setTab} />
        </div>
        {tab === "images" && series.length > 1 && shown && (
          <Select
            aria-label={t("Series")}
            size="xs"
            className={css.seriesSelect}
            allowDeselect={false}
            value={shown.result.id}
            onChange={setChosenId}
            data={series.map((entry) => ({ value: entry.result.id, label: seriesLabel(entry) }))}
          />
        )}
      </header>
      <div role="tabpanel" aria-label={tab} className={css.imagesBody}>
        {tab === "images" ? (
          <MaybePreview selected={selected}>
            <Images exam={exam} selected={selected} shown={shown} />
          </MaybePreview>
        ) : tab === "raw" ? (
          <RawTab exam={exam} selected={selected} />
        ) : tab === "sequence" ? (
          <SequenceTab exam={exam} selected={selected} />
        ) : (
          <Files selected={selected} />
        )}
      </div>
    </section>
  );
}

function MaybePreview({ selected, children }: { selected: Located | null; children: ReactNode }) {
  return selected ? <PreviewPane task={selected.task}>{children}</PreviewPane> : children;
}

function Images({
  exam,
  selected,
  shown,
}: {
  exam: Exam;
  selected: Located | null;
  shown: Series | null;
}) {
  const patientId = exam.patient_id ?? "";
  const patient = useQuery({ ...queries.patient(patientId), enabled: patientId !== "" }).data;
  if (!shown) return <NoImages selected={selected} />;
  if (!patient) return <Loading label={t("Reading the patient")} />;
  return (
    <Suspense fallback={<Loading label={t("Loading the viewer")} rows={1} />}>
      <DicomViewer
        key={shown.result.id}
        whose={onTheTable(patient)}
        {...shownSeries(exam, shown)}
        others={allSeries(exam)
          .filter(({ result }) => result.id !== shown.result.id)
          .map((series) => ({
            id: series.result.id,
            label: seriesLabel(series),
            load: () => Promise.resolve(shownSeries(exam, series)),
          }))}
      />
    </Suspense>
  );
}

const shownSeries = (exam: Exam, series: Series): ShownSeries => ({
  title: series.task.name,
  stored: series.result.datetime_created,
  earlier: isOfEarlierScan(exam, series),
  images: series.files.map((file) => ({
    url: resultFileUrl(series.workflow.id, series.task.id, series.result.id, file),
  })),
});

function NoImages({ selected }: { selected: Located | null }) {
  const running = selected && isActive(selected.task.status);
  return (
    <div className={css.noImages}>
      <IconPhotoOff size={28} stroke={1.4} aria-hidden />
      <p>
        {!selected
          ? t("Select a task to see its images.")
          : running
            ? t("Images appear here when the reconstruction is done.")
            : t("No images yet.")}
      </p>
    </div>
  );
}

function Files({ selected }: { selected: Located | null }) {
  const results = selected?.task.results ?? [];
  if (results.length === 0) {
    return (
      <Empty title={t("No files yet")}>
        {t("Raw data and images are listed here once stored.")}
      </Empty>
    );
  }
  return (
    <table className={css.files}>
      <thead>
        <tr>
          <th scope="col">{t("Stored")}</th>
          <th scope="col">{t("Type")}</th>
          <th scope="col">{t("Files")}</th>
        </tr>
      </thead>
      <tbody>
        {results
          .toSorted((a, b) => b.datetime_created.localeCompare(a.datetime_created))
          .map((result) => (
            <tr key={result.id}>
              <td>
                {day(result.datetime_created)} {clock(result.datetime_created)}
              </td>
              <td>{result.type === "NOT_SET" ? t("not set") : result.type}</td>
              <td>
                <FileList result={result} />
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

const FEW = 3;

/** A few files by name; of many only those that can be looked at here. */
function FileList({ result: { id, files } }: { result: Result }) {
  if (files.length === 0) return t("none yet");
  const named = files.length <= FEW ? files : files.filter((name) => fileKind(name));
  const others = files.filter((name) => !named.includes(name));
  return (
    <ul className={css.fileList}>
      {named.map((name) => (
        <li key={name}>
          <FileLink url={anyFileUrl(id, name)} name={name} />
        </li>
      ))}
      {others.length > 0 && (
        <li>
          {others.length === 1
            ? others[0]
            : t("{others} and {n} more", { others: others[0], n: others.length - 1 })}
        </li>
      )}
    </ul>
  );
}

function seriesLabel({ task, result }: Series): string {
  return `${task.name} · ${clock(result.datetime_created)}`;
}

function TabButton({
  id,
  label,
  current,
  onPick,
}: {
  id: Tab;
  label: string;
  current: Tab;
  onPick: (tab: Tab) => void;
}) {
  return (
    <button
      type="button"
      role="tab"
      aria-selected={id === current}
      className={page.tab}
      onClick={() => onPick(id)}
    >
      {label}
    </button>
  );
}

import { Button } from "@mantine/core";
import { IconArrowLeft, IconPhotoOff, IconSend } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { type Instance, instanceUrl, type SeriesOfStudy, type Study } from "../../api/archive";
import { imageQueries } from "../../api/imageQueries";
import { t } from "../../i18n";
import { dicomDate, dicomName, dicomTime } from "../../shared/dicomText";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { Empty, Loading, QueryView } from "../../shared/states";
import type { ShownSeries } from "../dicom/DicomViewer";
import { ofStudy } from "../dicom/identity";
import css from "./archive.module.css";
import { SeriesList } from "./SeriesList";
import { StudyInfo } from "./StudyInfo";

const DicomViewer = lazy(() => import("../dicom/DicomViewer"));
const RemoveModal = lazy(() => import("./RemoveModal"));
const SendModal = lazy(() => import("./SendModal"));

interface Props {
  uid: string;
  series: string | null;
  onSeries: (series: string) => void;
  onClose: () => void;
}

/** One study: its series at the left, the images in the middle, what became of it at the right. */
export function StudyView(props: Props) {
  const study = useQuery(imageQueries.study(props.uid));
  return (
    <QueryView query={study} rows={10} safe={t("The images are stored; only reading them failed.")}>
      {(found) =>
        found ? (
          <Opened {...props} study={found} />
        ) : (
          <Empty
            icon={IconPhotoOff}
            title={t("There is no such study")}
            action={
              <Button variant="default" onClick={props.onClose}>
                {t("All studies")}
              </Button>
            }
          >
            {t("It was never received here, or it was deleted.")}
          </Empty>
        )
      }
    </QueryView>
  );
}

function Opened({ uid, study, series, onSeries, onClose }: Props & { study: Study }) {
  const list = useQuery(imageQueries.seriesOf(uid));
  const mayNot = useMayOperate();
  const [sending, setSending] = useState<SeriesOfStudy[] | null>(null);
  const [removing, setRemoving] = useState<{ series: SeriesOfStudy | null } | null>(null);
  const all = (list.data ?? []).toSorted(
    (a, b) => (a.series_number ?? 1e9) - (b.series_number ?? 1e9),
  );
  const whose = ofStudy(study.patientId, study.patientName);
  const shown = all.find(({ series_instance_uid }) => series_instance_uid === series) ?? all[0];
  return (
    <div className={page.page}>
      <header className={css.head}>
        <Button variant="default" leftSection={<IconArrowLeft size={16} />} onClick={onClose}>
          {t("Archive")}
        </Button>
        <h1>{dicomName(study.patientName) || t("no name")}</h1>
        <p className="dim">
          {[
            study.patientId,
            dicomDate(study.birthDate),
            study.description,
            `${dicomDate(study.date)} ${dicomTime(study.time)}`.trim(),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
        <Button
          {...guarded(mayNot)}
          leftSection={<IconSend size={16} />}
          onClick={() => setSending([])}
        >
          {t("Send study")}
        </Button>
      </header>
      <div className={css.study}>
        <QueryView query={list} rows={6} safe={t("The images are stored.")}>
          {() => (
            <SeriesList
              study={uid}
              series={all}
              isOfPatient={({ patient_id, patient_name }) =>
                whose.match({ patientId: patient_id, patientName: patient_name }).ok
              }
              shown={shown?.series_instance_uid ?? null}
              onSeries={onSeries}
            />
          )}
        </QueryView>
        <section className={css.images} aria-label={t("Images")}>
          {shown && (
            <Images key={shown.series_instance_uid} study={study} series={shown} all={all} />
          )}
        </section>
        <StudyInfo
          study={study}
          series={shown ?? null}
          onSend={(one) => setSending([one])}
          onRemove={(one) => setRemoving({ series: one })}
        />
      </div>
      <Suspense>
        {sending && <SendModal study={study} series={sending} onClose={() => setSending(null)} />}
        {removing && (
          <RemoveModal
            study={study}
            all={all}
            series={removing.series}
            onClose={() => setRemoving(null)}
            onGone={onClose}
          />
        )}
      </Suspense>
    </div>
  );
}

function Images({
  study,
  series,
  all: ofStudyToo,
}: {
  study: Study;
  series: SeriesOfStudy;
  all: SeriesOfStudy[];
}) {
  const client = useQueryClient();
  const load = async (one: SeriesOfStudy) => {
    const query = imageQueries.instances(study.uid, one.series_instance_uid);
    return shownSeries(one, await client.fetchQuery(query));
  };
  const instances = useQuery(imageQueries.instances(study.uid, series.series_instance_uid));
  return (
    <QueryView query={instances} rows={1} safe={t("The images are stored.")}>
      {(all) => (
        <Suspense fallback={<Loading label={t("Loading the viewer")} rows={1} />}>
          <DicomViewer
            whose={ofStudy(study.patientId, study.patientName)}
            {...shownSeries(series, all)}
            others={ofStudyToo
              .filter((one) => one.series_instance_uid !== series.series_instance_uid)
              .filter(({ modality }) => modality !== "DOC")
              .map((one) => ({
                id: one.series_instance_uid,
                label: titleOf(one),
                load: () => load(one),
              }))}
          />
        </Suspense>
      )}
    </QueryView>
  );
}

const titleOf = ({ series_description }: SeriesOfStudy): string =>
  series_description || t("Series without description");

const shownSeries = (series: SeriesOfStudy, instances: Instance[]): ShownSeries => ({
  title: titleOf(series),
  stored: series.received_at,
  inOrder: true,
  images: instances.map((instance) => ({ url: instanceUrl(instance), instance })),
});

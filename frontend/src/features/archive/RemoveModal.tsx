import { Select } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { SeriesOfStudy, Study } from "../../api/archive";
import { imageKeys } from "../../api/imageQueries";
import { type RemovalReason, removeImages } from "../../api/upkeep";
import { upkeepKeys } from "../../api/upkeepQueries";
import { plural, t } from "../../i18n";
import ConfirmModal from "../../shared/ConfirmModal";
import { dicomName } from "../../shared/dicomText";
import page from "../../shared/page.module.css";
import { REMOVAL_REASONS, refusedIn, type RefusedSeries } from "./removal";

const REASONS = Object.entries(REMOVAL_REASONS).map(([value, label]) => ({ value, label }));

interface Props {
  study: Study;
  /** All series of the study: to call them by their names. */
  all: SeriesOfStudy[];
  /** The one that goes; null: all of them. */
  series: SeriesOfStudy | null;
  onClose: () => void;
  /** Nothing of the study is left. */
  onGone: () => void;
}

/** Removes a study or a series for good, with a reason; what speaks against it is told. */
export default function RemoveModal({ study, all, series, onClose, onGone }: Props) {
  const client = useQueryClient();
  const [reason, setReason] = useState<RemovalReason | null>(null);
  const [refused, setRefused] = useState<RefusedSeries[]>([]);
  const images = series?.instances ?? study.instances;
  const remove = async () => {
    setRefused([]);
    try {
      const named = series ? [series.series_instance_uid] : [];
      const gone = await removeImages(study.uid, reason as RemovalReason, named);
      if (gone.instances >= study.instances) onGone();
    } catch (error) {
      setRefused(refusedIn(error));
      throw error;
    } finally {
      for (const queryKey of [imageKeys.archive, imageKeys.cases, upkeepKeys.cleaner]) {
        void client.invalidateQueries({ queryKey });
      }
    }
  };
  return (
    <ConfirmModal
      title={series ? t("Remove the series") : t("Remove the study")}
      action={t("Remove for good")}
      typed={series ? undefined : study.patientId || study.uid}
      ready={reason !== null}
      run={remove}
      onClose={onClose}
    >
      <p>
        <strong>{dicomName(study.patientName) || study.patientId || t("No name")}</strong>:{" "}
        {series
          ? series.series_description || t("series without description")
          : plural(study.series, "its one series", "all {n} series")}
        , {plural(images, "{n} image", "{n} images")}.
      </p>
      <p>
        {t(
          "They are deleted here and cannot be brought back. What is at a target stays there; the cases and what happened to them stay too.",
        )}
      </p>
      <Select
        label={t("Why")}
        placeholder={t("Choose a reason: it is kept with your name")}
        value={reason}
        onChange={(next) => setReason(next as RemovalReason | null)}
        data={REASONS}
      />
      {refused.length > 1 && (
        <ul className={page.bullets} aria-label={t("What may not go")}>
          {refused.map(({ series_instance_uid: uid, reason: why }) => (
            <li key={uid}>
              <strong>{nameOf(all, uid)}</strong>: {why}
            </li>
          ))}
        </ul>
      )}
    </ConfirmModal>
  );
}

const nameOf = (all: SeriesOfStudy[], uid: string): string =>
  all.find(({ series_instance_uid }) => series_instance_uid === uid)?.series_description || uid;

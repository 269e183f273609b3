import { IconAlertOctagon, IconFileText, IconLoader2, IconPhoto } from "@tabler/icons-react";
import { useState } from "react";

import { type SeriesOfStudy, thumbnailUrl } from "../../api/archive";
import { plural, t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import css from "./archive.module.css";

interface Props {
  study: string;
  series: SeriesOfStudy[];
  /** Whether a series names the patient of the study; another one's picture is not shown. */
  isOfPatient: (series: SeriesOfStudy) => boolean;
  shown: string | null;
  onSeries: (series: string) => void;
}

/** The series of a study, in the order of their numbers, each with a small picture. */
export function SeriesList({ study, series, isOfPatient, shown, onSeries }: Props) {
  const move = (by: number) => {
    const at = series.findIndex(({ series_instance_uid }) => series_instance_uid === shown);
    const next = series[Math.min(series.length - 1, Math.max(0, at + by))];
    if (next) onSeries(next.series_instance_uid);
  };
  useShortcuts({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
  });
  return (
    <nav className={css.series} aria-label={t("Series")}>
      <ul>
        {series.map((one) => (
          <li key={one.series_instance_uid}>
            <button
              type="button"
              className={css.card}
              aria-current={one.series_instance_uid === shown || undefined}
              onClick={() => onSeries(one.series_instance_uid)}
            >
              {!isOfPatient(one) ? (
                <span className={css.thumbnail}>
                  <IconAlertOctagon size={26} color="var(--status-fault)" aria-hidden />
                </span>
              ) : one.modality === "DOC" ? (
                <span className={css.thumbnail}>
                  <IconFileText size={26} stroke={1.4} aria-hidden />
                </span>
              ) : (
                <Thumbnail key={one.instances} src={thumbnailUrl(study, one.series_instance_uid)} />
              )}
              <span className={css.cardText}>
                <strong>{one.series_description || t("No description")}</strong>
                <span className="dim">
                  {[one.series_number, one.modality].filter((part) => part !== null).join(" · ")}
                </span>
                <span className="dim live-number">
                  {one.modality === "DOC"
                    ? plural(one.instances, "{n} document", "{n} documents")
                    : plural(one.instances, "{n} image", "{n} images")}
                </span>
                {!isOfPatient(one) && <span className={css.other}>{t("Another patient")}</span>}
                {!one.complete && (
                  <span className={css.arriving}>
                    <IconLoader2 size={14} aria-hidden /> {t("Arriving")}
                  </span>
                )}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Reports and other objects have no picture. */
function Thumbnail({ src }: { src: string }) {
  const [failed, setFailed] = useState(false);
  return (
    <span className={css.thumbnail}>
      {failed ? (
        <IconPhoto size={22} stroke={1.4} aria-hidden />
      ) : (
        <img src={src} alt="" loading="lazy" onError={() => setFailed(true)} />
      )}
    </span>
  );
}

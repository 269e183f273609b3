import { t } from "../../i18n";
import { dicomName } from "../../shared/dicomText";
import { dayAndClock } from "../../shared/format";
import css from "./dicom.module.css";
import type { EdgeLetters } from "./geometry";
import type { Snapshot } from "./stackViewer";

/** What is always drawn over an image: whose it is, which, where, and how it is windowed. */
export function Overlay({
  snapshot,
  title,
  stored,
  earlier,
  listed,
}: {
  snapshot: Snapshot;
  title: string;
  stored: string;
  earlier: boolean;
  /** Whether the list of annotations takes a part of the room. */
  listed: boolean;
}) {
  const { letters, scale } = snapshot;
  return (
    <div className={css.overlay} data-testid="viewer-overlay" data-listed={listed || undefined}>
      <div className={css.topLeft}>
        <strong>{dicomName(snapshot.identity.patientName)}</strong>
        <span>{snapshot.description || title}</span>
        <span className={css.stored}>{t("stored {stored}", { stored: dayAndClock(stored) })}</span>
        {earlier && <strong className={css.earlier}>{t("Of an earlier scan")}</strong>}
      </div>
      <div className={css.topRight}>{t("Not for diagnosis")}</div>
      <Scale scale={scale} />
      {letters ? (
        <Edges letters={letters} />
      ) : (
        <b className={css.bottom}>{t("Orientation unknown")}</b>
      )}
    </div>
  );
}

export function Scale({ scale }: { scale: Snapshot["scale"] }) {
  return (
    scale && (
      <div className={css.scale}>
        <span style={{ width: scale.px }} />
        {t("{mm} mm", { mm: scale.mm })}
      </div>
    )
  );
}

/** The sides of the patient at the edges of an image. */
export function Edges({ letters }: { letters: EdgeLetters }) {
  return (
    <>
      <b className={css.left}>{letters.left}</b>
      <b className={css.right}>{letters.right}</b>
      <b className={css.top}>{letters.top}</b>
      <b className={css.bottom}>{letters.bottom}</b>
    </>
  );
}

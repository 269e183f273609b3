import css from "./dicom.module.css";
import { displayName } from "./identity";
import type { Snapshot } from "./stackViewer";

/** What is always drawn over an image: whose it is, which, where, and how it is windowed. */
export function Overlay({ snapshot, title }: { snapshot: Snapshot; title: string }) {
  const { letters, window, scale, index, count } = snapshot;
  return (
    <div className={css.overlay} data-testid="viewer-overlay">
      <div className={css.topLeft}>
        <strong>{displayName(snapshot.identity.patientName)}</strong>
        <span>{snapshot.description || title}</span>
      </div>
      <div className={css.topRight}>Not for diagnosis</div>
      <div className={css.bottomLeft}>
        <span data-testid="slice">
          Slice {index + 1}/{count}
        </span>
        {window && (
          <span data-testid="window-level">
            W {Math.round(window.width)} L {Math.round(window.center)}
          </span>
        )}
      </div>
      {scale && (
        <div className={css.scale}>
          <span style={{ width: scale.px }} />
          {scale.mm} mm
        </div>
      )}
      {letters ? (
        <>
          <b className={css.left}>{letters.left}</b>
          <b className={css.right}>{letters.right}</b>
          <b className={css.top}>{letters.top}</b>
          <b className={css.bottom}>{letters.bottom}</b>
        </>
      ) : (
        <b className={css.top}>Orientation unknown</b>
      )}
    </div>
  );
}

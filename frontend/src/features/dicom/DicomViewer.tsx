import { IconAlertOctagon, IconZoomReset } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { getCurrentUser } from "../../api/endpoints";
import { dicomName } from "../../shared/dicomText";
import { shortId } from "../../shared/format";
import { useShortcuts } from "../../shared/shortcuts";
import { ErrorState, Loading } from "../../shared/states";
import css from "./dicom.module.css";
import type { Whose } from "./identity";
import { Overlay } from "./Overlay";
import type { ImageSource } from "./sources";
import { type Snapshot, StackViewer } from "./stackViewer";

interface Props {
  images: ImageSource[];
  whose: Whose;
  /** What to call the series until its own description is read. */
  title: string;
  /** When the series was stored: an earlier run must not pass for the present one. */
  stored: string;
  /** The images are in the order of their numbers already: none is read before it is looked at. */
  inOrder?: boolean;
  /** Whether the scan was begun again since. */
  earlier?: boolean;
}

export default function DicomViewer(props: Props) {
  const [attempt, setAttempt] = useState(0);
  return <Stack key={attempt} {...props} onRetry={() => setAttempt(attempt + 1)} />;
}

function Stack(props: Props & { onRetry: () => void }) {
  const { images, whose, title, stored, earlier = false, inOrder = false, onRetry } = props;
  const element = useRef<HTMLDivElement>(null);
  const viewer = useRef<StackViewer | null>(null);
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const key = JSON.stringify(images);

  useEffect(() => {
    if (!element.current) return;
    const opened = new StackViewer(element.current, setSnapshot);
    viewer.current = opened;
    opened.open(JSON.parse(key) as ImageSource[], inOrder).catch((error: unknown) => {
      if (viewer.current === opened) setFailure(readable(error));
    });
    return () => {
      viewer.current = null;
      opened.destroy();
    };
  }, [key, inOrder]);

  const presets = snapshot?.presets ?? [];
  useShortcuts({
    r: () => viewer.current?.reset(),
    ArrowLeft: () => viewer.current?.scroll(-1),
    ArrowRight: () => viewer.current?.scroll(1),
    ...Object.fromEntries(
      presets.map((preset) => [preset.key, () => viewer.current?.apply(preset)]),
    ),
  });

  const match = snapshot && whose.match(snapshot.identity);
  return (
    <div className={css.viewer} id="viewer" tabIndex={-1}>
      <div
        ref={element}
        className={css.canvas}
        data-testid="viewer-canvas"
        data-ready={snapshot !== null || undefined}
        role="img"
        aria-label={
          snapshot
            ? `${snapshot.description || title}, slice ${snapshot.index + 1} of ${snapshot.count}`
            : "Image loading"
        }
        // Nothing of another patient may be seen, not for one frame.
        style={{ visibility: match?.ok ? "visible" : "hidden" }}
      />
      {snapshot && match?.ok && (
        <Overlay snapshot={snapshot} title={title} stored={stored} earlier={earlier} />
      )}
      {snapshot && match?.ok && (
        <div className={css.foot}>
          <span data-testid="slice">
            Slice {snapshot.index + 1}/{snapshot.count}
          </span>
          {snapshot.window && (
            <span data-testid="window-level">
              W {Math.round(snapshot.window.width)} L {Math.round(snapshot.window.center)}
            </span>
          )}
          <div className={css.tools} role="group" aria-label="Window presets">
            {presets.map((preset) => (
              <button
                key={preset.key}
                type="button"
                aria-label={`Window ${preset.key}: ${preset.name}`}
                title={`${preset.key}: ${preset.name}`}
                onClick={() => viewer.current?.apply(preset)}
              >
                {preset.key}
              </button>
            ))}
            <button
              type="button"
              aria-label="Reset the view"
              title="Reset the view (R)"
              onClick={() => viewer.current?.reset()}
            >
              <IconZoomReset size={18} aria-hidden />
            </button>
          </div>
        </div>
      )}
      {!snapshot && !failure && <Loading label="Loading images" rows={1} />}
      {snapshot && match && !match.ok && (
        <Mismatch snapshot={snapshot} whose={whose} because={match.because} />
      )}
      {failure !== null && (
        <div className={css.block}>
          <ErrorState
            error={failure}
            safe="The files are stored; only showing them failed."
            onRetry={onRetry}
          />
        </div>
      )}
    </div>
  );
}

function Mismatch({
  snapshot,
  whose,
  because,
}: {
  snapshot: Snapshot;
  whose: Whose;
  because: string;
}) {
  return (
    <div className={css.block} role="alert" data-testid="patient-mismatch">
      <IconAlertOctagon size={36} color="var(--status-fault)" aria-hidden />
      <h2>These images are of another patient</h2>
      <p>{because} They are not shown.</p>
      <dl>
        <dt>{whose.place}</dt>
        <dd>
          {whose.name}, ID {whose.number}
        </dd>
        <dt>In the image</dt>
        <dd>
          {dicomName(snapshot.identity.patientName) || "no name"}, ID{" "}
          {snapshot.identity.patientId ? shortId(snapshot.identity.patientId) : "none"}
        </dd>
      </dl>
      <p>{whose.advice}</p>
    </div>
  );
}

function readable(error: unknown): Error {
  const request =
    error instanceof XMLHttpRequest ? error : (error as { request?: XMLHttpRequest })?.request;
  if (request?.status === 401) {
    // Finds out whether the session has ended; then the login page takes over.
    getCurrentUser().catch(() => undefined);
  }
  if (request?.status === 404) return new Error("The image file is not in the store.");
  if (request?.status) return new Error(`The image could not be read (HTTP ${request.status}).`);
  if (error instanceof Error && error.message) return error;
  return new Error("The image could not be read or decoded.");
}

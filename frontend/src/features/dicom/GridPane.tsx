import { type ReactNode, useEffect, useRef, useState } from "react";

import { plural, t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import css from "./dicom.module.css";
import type { ShownSeries } from "./DicomViewer";
import { Foot } from "./Foot";
import { type OpenedGrid, openGrid, paint, type Thumb } from "./grid";
import type { Whose } from "./identity";
import { Mismatch, readable } from "./Mismatch";
import { PaneFailure } from "./PaneFailure";
import type { Preset } from "./presets";
import type { ImageSource } from "./sources";

interface Props extends ShownSeries {
  whose: Whose;
  layouts: ReactNode;
  onRetry: () => void;
  onOpen: (index: number) => void;
}

/** All images of a series beside one another; one that is clicked is opened. */
export default function GridPane({ images, inOrder, whose, title, layouts, ...props }: Props) {
  const [opened, setOpened] = useState<OpenedGrid | null>(null);
  const [window, setWindow] = useState<Preset | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const key = JSON.stringify(images);
  useEffect(() => {
    let over = false;
    openGrid(JSON.parse(key) as ImageSource[], inOrder ?? false)
      .then((found) => {
        if (over) return;
        setOpened(found);
        setWindow(found.presets[0] ?? null);
      })
      .catch((error: unknown) => !over && setFailure(readable(error)));
    return () => {
      over = true;
    };
  }, [key, inOrder]);
  const presets = opened?.presets ?? [];
  useShortcuts(Object.fromEntries(presets.map((preset) => [preset.key, () => setWindow(preset)])));
  return (
    <div className={css.viewer} id="viewer" tabIndex={-1}>
      <div className={css.bar}>
        {layouts}
        <span className={css.barText}>{t("{title} · not for diagnosis", { title })}</span>
      </div>
      <ul className={css.grid} aria-label={t("Images")}>
        {opened?.imageIds.map((imageId, index) => (
          <li key={imageId}>
            <Cell
              imageId={imageId}
              index={index}
              window={window}
              read={opened.read}
              whose={whose}
              onOpen={() => props.onOpen(index)}
            />
          </li>
        ))}
      </ul>
      {opened && (
        <Foot
          slice={plural(opened.imageIds.length, "{n} image", "{n} images")}
          window={null}
          presets={presets}
          onPreset={setWindow}
          onReset={() => setWindow(presets[0] ?? null)}
        />
      )}
      {!opened && !failure && (
        <p className={css.block} role="status">
          {t("Reading the images")}
        </p>
      )}
      {failure !== null && <PaneFailure error={failure} onRetry={props.onRetry} />}
    </div>
  );
}

/** An image that is read when it comes into sight. */
function Cell({
  imageId,
  index,
  window,
  read,
  whose,
  onOpen,
}: {
  imageId: string;
  index: number;
  window: Preset | null;
  read: (imageId: string) => Promise<Thumb>;
  whose: Whose;
  onOpen: () => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [thumb, setThumb] = useState<Thumb | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const seen = new IntersectionObserver(([entry]) => {
      if (!entry?.isIntersecting) return;
      seen.disconnect();
      read(imageId)
        .then(setThumb)
        .catch(() => setFailed(true));
    });
    seen.observe(element);
    return () => seen.disconnect();
  }, [imageId, read]);
  const match = thumb && whose.match(thumb.identity);
  const ok = match?.ok ?? false;
  useEffect(() => {
    if (thumb && ok && canvas.current && window) paint(canvas.current, thumb, window.window);
  }, [thumb, ok, window]);
  if (thumb && match && !match.ok) {
    return <Mismatch identity={thumb.identity} because={match.because} whose={whose} />;
  }
  return (
    <button
      type="button"
      className={css.cell}
      onClick={onOpen}
      aria-label={t("Image {index}", { index: index + 1 })}
    >
      <canvas ref={canvas} data-painted={(thumb !== null && window !== null) || undefined} />
      <span>{failed ? t("not readable") : index + 1}</span>
    </button>
  );
}

import { type ReactNode, type RefObject, useCallback, useEffect, useRef, useState } from "react";

import type { AnnotationKind } from "../../api/annotations";
import { t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import { ErrorLine, Loading } from "../../shared/states";
import { useLatest } from "../../shared/useLatest";
import { AnnotationPanel } from "./AnnotationPanel";
import annotationCss from "./annotations.module.css";
import css from "./dicom.module.css";
import type { ShownSeries } from "./DicomViewer";
import { DocumentsError } from "./documents";
import { Foot } from "./Foot";
import type { Whose } from "./identity";
import { Mismatch, readable } from "./Mismatch";
import { Overlay } from "./Overlay";
import { PaneFailure } from "./PaneFailure";
import type { Place } from "./planes";
import type { ImageSource } from "./sources";
import { type Snapshot, StackViewer } from "./stackViewer";
import { StackTools } from "./StackTools";
import { useAnnotations } from "./useAnnotations";
import { WordsForm } from "./WordsForm";

interface Props extends ShownSeries {
  whose: Whose;
  /** Which of the panes: 0, or 1 for the series beside. */
  pane: number;
  /** Index of the image to begin with; null: the middle. */
  start: number | null;
  layouts: ReactNode;
  /** Whether this pane has the keys, and the other one follows it: it was pointed at last. */
  active: boolean;
  onActive: (pane: number) => void;
  leading: Place | null;
  onLead: (place: Place) => void;
  onRetry: () => void;
  /** Some of the images turned out to be documents, which others show. */
  onDocuments?: (urls: string[]) => void;
}

const CINE_MS = 100;

/** The images of a series, one at a time. */
export function StackPane(props: Props) {
  const { images, whose, title, stored, earlier = false, inOrder = false, start, pane } = props;
  const element = useRef<HTMLDivElement>(null);
  const viewer = useRef<StackViewer | null>(null);
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [tool, setTool] = useState<AnnotationKind | null>(null);
  const [playing, setPlaying] = useState(false);
  const [listed, setListed] = useState(false);
  const match = snapshot && whose.match(snapshot.identity);
  const mayDraw = match?.ok ?? false;
  const words = useWords();
  const annotations = useAnnotations(viewer, mayDraw ? (snapshot?.series ?? "") : "");
  const { handlers } = annotations;
  const { ask } = words;
  const key = JSON.stringify(images);
  const foundDocuments = useLatest(props.onDocuments);

  useEffect(() => {
    if (!element.current) return;
    const opened = new StackViewer(element.current, setSnapshot, {
      onDrawn: (...drawn) => handlers.current.onDrawn(...drawn),
      onChanged: (...changed) => handlers.current.onChanged(...changed),
      onRemoved: (removed) => handlers.current.onRemoved(removed),
      askWords: ask,
      kept: () => handlers.current.kept(),
    });
    viewer.current = opened;
    opened.open(JSON.parse(key) as ImageSource[], inOrder, start).catch((error: unknown) => {
      if (viewer.current !== opened) return;
      const found = foundDocuments.current;
      if (error instanceof DocumentsError && found) found(error.urls);
      else setFailure(readable(error));
    });
    return () => {
      viewer.current = null;
      opened.destroy();
    };
  }, [key, inOrder, start, handlers, ask, foundDocuments]);

  const open = snapshot !== null;
  useEffect(() => {
    if (open) viewer.current?.use(tool);
  }, [open, tool]);
  useEffect(() => {
    if (!playing || !open) return;
    const timer = window.setInterval(() => viewer.current?.advance(), CINE_MS);
    return () => window.clearInterval(timer);
  }, [playing, open]);
  useFollowing(viewer, snapshot, props);

  const presets = snapshot?.presets ?? [];
  useShortcuts(
    {
      r: () => viewer.current?.reset(),
      c: () => setPlaying((before) => !before),
      ArrowLeft: () => viewer.current?.scroll(-1),
      ArrowRight: () => viewer.current?.scroll(1),
      x: () => viewer.current?.drawings?.removeChosen(),
      o: () => annotations.setVisible(!annotations.visible),
      ...Object.fromEntries(
        presets.map((preset) => [preset.key, () => viewer.current?.apply(preset)]),
      ),
    },
    props.active,
  );

  return (
    <div
      className={css.viewer}
      id={pane === 0 ? "viewer" : undefined}
      tabIndex={-1}
      onPointerEnter={() => props.onActive(pane)}
    >
      <div className={css.bar}>
        {props.layouts}
        <StackTools
          tool={tool}
          onTool={setTool}
          mayDraw={mayDraw}
          drawn={annotations.all.length}
          listed={listed}
          onList={() => setListed(!listed)}
          onRemove={() => viewer.current?.drawings?.removeChosen()}
          playing={playing}
          mayPlay={(snapshot?.count ?? 0) > 1}
          onPlay={() => setPlaying(!playing)}
        />
      </div>
      <div
        ref={element}
        className={css.canvas}
        data-testid="viewer-canvas"
        data-listed={listed || undefined}
        data-ready={snapshot !== null || undefined}
        role="img"
        aria-label={
          snapshot
            ? t("{description}, slice {index} of {count}", {
                description: snapshot.description || title,
                index: snapshot.index + 1,
                count: snapshot.count,
              })
            : t("Image loading")
        }
        // Nothing of another patient may be seen, not for one frame.
        style={{ visibility: match?.ok ? "visible" : "hidden" }}
      />
      {snapshot && match?.ok && (
        <>
          <Overlay
            snapshot={snapshot}
            title={title}
            stored={stored}
            earlier={earlier}
            listed={listed}
          />
          <Foot
            slice={t("Slice {index}/{count}", { index: snapshot.index + 1, count: snapshot.count })}
            window={snapshot.window}
            presets={presets}
            onPreset={(preset) => viewer.current?.apply(preset)}
            onReset={() => viewer.current?.reset()}
          />
          {words.asked && (
            <div className={annotationCss.prompt}>
              <WordsForm before={words.asked.before} required onDone={words.done} />
            </div>
          )}
          {listed ? (
            <AnnotationPanel
              annotations={annotations}
              imageOf={(annotation) => viewer.current?.imageOf(annotation) ?? null}
              onOpen={(annotation) => void viewer.current?.goTo(annotation)}
              onClose={() => setListed(false)}
            />
          ) : (
            annotations.error !== null && (
              <div className={annotationCss.failure}>
                <ErrorLine error={annotations.error} />
              </div>
            )
          )}
        </>
      )}
      {!snapshot && !failure && <Loading label={t("Loading images")} rows={1} />}
      {snapshot && match && !match.ok && (
        <Mismatch identity={snapshot.identity} whose={whose} because={match.because} />
      )}
      {failure !== null && <PaneFailure error={failure} onRetry={props.onRetry} />}
    </div>
  );
}

/** The question for words, while somebody answers it. */
function useWords() {
  const [asked, setAsked] = useState<{
    before: string;
    answer: (words: string | null) => void;
  } | null>(null);
  const ask = useCallback(
    (before: string) =>
      new Promise<string | null>((answer) => {
        // A question that was not answered is given up for the next one.
        setAsked((earlier) => {
          earlier?.answer(null);
          return { before, answer };
        });
      }),
    [],
  );
  const done = (words: string | null) => {
    asked?.answer(words);
    setAsked(null);
  };
  return { asked, ask, done };
}

/** Two panes scroll together: the one that was pointed at last leads. */
function useFollowing(
  viewer: RefObject<StackViewer | null>,
  snapshot: Snapshot | null,
  { active, leading, onLead }: Props,
): void {
  const open = snapshot !== null;
  const index = snapshot?.index ?? null;
  const place = useLatest(snapshot?.place ?? null);
  useEffect(() => {
    if (!active && leading && open) void viewer.current?.follow(leading);
  }, [active, leading, open, viewer]);
  useEffect(() => {
    if (active && index !== null && place.current) onLead(place.current);
  }, [active, index, onLead, place]);
}

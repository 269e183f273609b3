import {
  IconAngle,
  IconContrast,
  IconOvalVertical,
  IconPlayerPause,
  IconPlayerPlay,
  IconRectangle,
  IconRuler2,
  IconTrash,
} from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { useShortcuts } from "../../shared/shortcuts";
import { ErrorState, Loading } from "../../shared/states";
import { useLatest } from "../../shared/useLatest";
import css from "./dicom.module.css";
import type { ShownSeries } from "./DicomViewer";
import { Foot } from "./Foot";
import type { Whose } from "./identity";
import { type MeasureKind, removeChosen } from "./measuring";
import { Mismatch, readable } from "./Mismatch";
import { Overlay } from "./Overlay";
import type { Place } from "./planes";
import type { ImageSource } from "./sources";
import { type Snapshot, StackViewer } from "./stackViewer";
import { ToolButton } from "./ToolButton";

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
}

const TOOLS: { kind: MeasureKind; label: string; Icon: typeof IconAngle }[] = [
  { kind: "length", label: "Measure a length", Icon: IconRuler2 },
  { kind: "angle", label: "Measure an angle", Icon: IconAngle },
  { kind: "ellipse", label: "Measure in an ellipse", Icon: IconOvalVertical },
  { kind: "rectangle", label: "Measure in a rectangle", Icon: IconRectangle },
];
const CINE_MS = 100;

/** The images of a series, one at a time. */
export function StackPane(props: Props) {
  const { images, whose, title, stored, earlier = false, inOrder = false, start, pane } = props;
  const element = useRef<HTMLDivElement>(null);
  const viewer = useRef<StackViewer | null>(null);
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [tool, setTool] = useState<MeasureKind | null>(null);
  const [playing, setPlaying] = useState(false);
  const key = JSON.stringify(images);

  useEffect(() => {
    if (!element.current) return;
    const opened = new StackViewer(element.current, setSnapshot);
    viewer.current = opened;
    opened.open(JSON.parse(key) as ImageSource[], inOrder, start).catch((error: unknown) => {
      if (viewer.current === opened) setFailure(readable(error));
    });
    return () => {
      viewer.current = null;
      opened.destroy();
    };
  }, [key, inOrder, start]);

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
      x: () => remove(viewer.current),
      ...Object.fromEntries(
        presets.map((preset) => [preset.key, () => viewer.current?.apply(preset)]),
      ),
    },
    props.active,
  );

  const match = snapshot && whose.match(snapshot.identity);
  return (
    <div
      className={css.viewer}
      id={pane === 0 ? "viewer" : undefined}
      tabIndex={-1}
      onPointerEnter={() => props.onActive(pane)}
    >
      <div className={css.bar}>
        {props.layouts}
        <div className={css.tools} role="group" aria-label="Tools">
          <ToolButton
            label="Set the window"
            Icon={IconContrast}
            pressed={tool === null}
            onClick={() => setTool(null)}
          />
          {TOOLS.map(({ kind, label, Icon }) => (
            <ToolButton
              key={kind}
              label={label}
              Icon={Icon}
              pressed={tool === kind}
              disabled={!match?.ok}
              onClick={() => setTool(kind)}
            />
          ))}
          <ToolButton
            label="Remove the chosen measurement (X)"
            Icon={IconTrash}
            onClick={() => remove(viewer.current)}
          />
          <ToolButton
            label={playing ? "Stop the cine (C)" : "Play as cine (C)"}
            Icon={playing ? IconPlayerPause : IconPlayerPlay}
            pressed={playing}
            disabled={(snapshot?.count ?? 0) < 2}
            onClick={() => setPlaying(!playing)}
          />
        </div>
      </div>
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
        <>
          <Overlay snapshot={snapshot} title={title} stored={stored} earlier={earlier} />
          <Foot
            slice={`Slice ${snapshot.index + 1}/${snapshot.count}`}
            window={snapshot.window}
            presets={presets}
            onPreset={(preset) => viewer.current?.apply(preset)}
            onReset={() => viewer.current?.reset()}
          />
        </>
      )}
      {!snapshot && !failure && <Loading label="Loading images" rows={1} />}
      {snapshot && match && !match.ok && (
        <Mismatch identity={snapshot.identity} whose={whose} because={match.because} />
      )}
      {failure !== null && (
        <div className={css.block}>
          <ErrorState
            error={failure}
            safe="The files are stored; only showing them failed."
            onRetry={props.onRetry}
          />
        </div>
      )}
    </div>
  );
}

function remove(viewer: StackViewer | null): void {
  removeChosen();
  viewer?.render();
}

/** Two panes scroll together: the one that was pointed at last leads. */
function useFollowing(
  viewer: React.RefObject<StackViewer | null>,
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

import { Enums, imageLoader, RenderingEngine, type Types } from "@cornerstonejs/core";
import {
  Enums as ToolEnums,
  PanTool,
  StackScrollTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";

import type { Annotation, AnnotationKind } from "../../api/annotations";
import { t } from "../../i18n";
import { type PixelGrid } from "./annotationGeometry";
import { leaveKeys, startCornerstone } from "./cornerstone";
import { documentsAmong, DocumentsError } from "./documents";
import { type DrawingHandlers, Drawings } from "./drawings";
import { type EdgeLetters, edgeLetters, scaleBar } from "./geometry";
import type { ImageIdentity } from "./identity";
import { clearDrawingsOn, measureOptions, MEASURES } from "./measuring";
import {
  frameOf,
  framesOf,
  gridOf,
  identityOf,
  nearestTo,
  type Place,
  placeOf,
  planeOf,
  sortedByPosition,
  tag,
} from "./planes";
import { type Preset, presetsOf, type Window } from "./presets";
import { type ImageSource, imageIdsOf } from "./sources";

/** One stack viewport on one element: made, asked and destroyed through this class only. */

export interface Snapshot {
  index: number;
  count: number;
  window: { center: number; width: number } | null;
  letters: EdgeLetters | null;
  scale: { mm: number; px: number } | null;
  identity: ImageIdentity;
  description: string;
  /** Series Instance UID. */
  series: string;
  presets: Preset[];
  /** Where in the patient the image lies: another series follows it. */
  place: Place | null;
}

const VIEWPORT = "stack";
let made = 0;

export class StackViewer {
  #element: HTMLDivElement;
  #id = `viewer-${(made += 1)}`;
  #engine: RenderingEngine | null = null;
  #onChange: (snapshot: Snapshot) => void;
  #resize: ResizeObserver | null = null;
  #presets: Preset[] = [];
  #followed: Place | null = null;
  #headers: Promise<unknown> | null = null;
  #drawing: DrawingHandlers;
  /** What is drawn on the images; none before the first is there. */
  drawings: Drawings | null = null;

  constructor(
    element: HTMLDivElement,
    onChange: (snapshot: Snapshot) => void,
    drawing: DrawingHandlers,
  ) {
    this.#element = element;
    this.#onChange = onChange;
    this.#drawing = drawing;
  }

  /** Shows the middle slice as soon as it is there; the rest follows. */
  async open(images: ImageSource[], inOrder = false, at: number | null = null): Promise<void> {
    startCornerstone();
    const imageIds = await imageIdsOf(images);
    if (this.#destroyed) return;
    const middle = Math.min(imageIds.length - 1, at ?? Math.floor(imageIds.length / 2));
    const first = await imageLoader.loadAndCacheImage(imageIds[middle] ?? "").catch((error) => {
      throw documentsOf(imageIds) ?? error;
    });
    if (this.#destroyed) return;
    this.#enable();
    const frames = framesOf(imageIds);
    const start = frames === imageIds ? middle : (at ?? Math.floor(frames.length / 2));
    await this.#viewport.setStack(frames, Math.min(frames.length - 1, start));
    if (this.#destroyed) return;
    this.#presets = presetsOf(first.getPixelData(), this.#window() ?? { lower: 0, upper: 1 });
    this.#viewport.render();
    this.#changed();
    if (frames === imageIds && !inOrder) await this.#sortOnceLoaded(imageIds);
  }

  apply({ window }: Preset): void {
    this.#viewport.setProperties({ voiRange: window });
    this.#viewport.render();
  }

  reset(): void {
    const stored = this.#presets[0];
    this.#viewport.resetCamera();
    if (stored) this.apply(stored);
  }

  scroll(by: number): void {
    const viewport = this.#viewport;
    const last = viewport.getImageIds().length - 1;
    const next = Math.min(last, Math.max(0, viewport.getCurrentImageIdIndex() + by));
    void viewport.setImageIdIndex(next);
  }

  /** The next image, after the last one the first. */
  advance(): void {
    const viewport = this.#viewport;
    const count = viewport.getImageIds().length;
    void viewport.setImageIdIndex((viewport.getCurrentImageIdIndex() + 1) % count);
  }

  /** The image that lies nearest to a place of another series. */
  async follow(place: Place): Promise<void> {
    this.#followed = place;
    // Where an image lies is known once its header is.
    const imageIds = this.#viewport.getImageIds();
    this.#headers ??= Promise.all(imageIds.map((each) => imageLoader.loadAndCacheImage(each)));
    await this.#headers;
    if (this.#destroyed || this.#followed !== place) return;
    const viewport = this.#viewport;
    const index = nearestTo(place, viewport.getImageIds());
    if (index !== null && index !== viewport.getCurrentImageIdIndex()) {
      await viewport.setImageIdIndex(index);
    }
  }

  /** What the first mouse button does: it measures, or sets the window. */
  use(kind: AnnotationKind | null): void {
    const tools = ToolGroupManager.getToolGroup(this.#id);
    const primary = { bindings: [{ mouseButton: ToolEnums.MouseBindings.Primary }] };
    for (const { tool } of MEASURES) tools?.setToolPassive(tool.toolName);
    tools?.setToolPassive(WindowLevelTool.toolName);
    const chosen = MEASURES.find((each) => each.kind === kind)?.tool ?? WindowLevelTool;
    tools?.setToolActive(chosen.toolName, primary);
  }

  /** The image that something is drawn on, and its place in the stack; null: it is not here. */
  imageOf({
    sop_instance_uid,
    frame,
  }: Annotation): { index: number; grid: PixelGrid | null } | null {
    if (!this.#engine) return null;
    const imageIds = this.#viewport.getImageIds();
    const index = imageIds.findIndex((imageId) => {
      const found = frameOf(imageId);
      return found.instance === sop_instance_uid && found.frame === frame;
    });
    return index < 0 ? null : { index, grid: gridOf(imageIds[index]!) };
  }

  /** Shows the image that something is drawn on, and chooses it. */
  async goTo(annotation: Annotation): Promise<void> {
    const found = this.imageOf(annotation);
    if (!found) return;
    await this.#viewport.setImageIdIndex(found.index);
    if (this.#destroyed) return;
    this.drawings?.sync();
    this.drawings?.choose(annotation.id);
  }

  destroy(): void {
    this.#destroyed = true;
    this.drawings?.destroy();
    // No other image must show it.
    if (this.#engine) clearDrawingsOn(this.#viewport.getImageIds());
    this.#resize?.disconnect();
    ToolGroupManager.destroyToolGroup(this.#id);
    this.#engine?.destroy();
    this.#engine = null;
  }

  #destroyed = false;

  get #viewport(): Types.IStackViewport {
    if (!this.#engine) throw new Error(t("The viewer is not open"));
    return this.#engine.getViewport(VIEWPORT) as Types.IStackViewport;
  }

  #enable(): void {
    const engine = new RenderingEngine(this.#id);
    this.#engine = engine;
    engine.enableElement({
      viewportId: VIEWPORT,
      type: Enums.ViewportType.STACK,
      element: this.#element,
      defaultOptions: { background: [0, 0, 0] },
    });
    leaveKeys(this.#element);
    const tools = ToolGroupManager.createToolGroup(this.#id);
    const { Primary, Secondary, Auxiliary, Wheel } = ToolEnums.MouseBindings;
    for (const [tool, mouseButton] of [
      [WindowLevelTool.toolName, Primary],
      [ZoomTool.toolName, Secondary],
      [PanTool.toolName, Auxiliary],
      [StackScrollTool.toolName, Wheel],
    ] as const) {
      tools?.addTool(tool);
      tools?.setToolActive(tool, { bindings: [{ mouseButton }] });
    }
    for (const { kind, tool } of MEASURES) {
      tools?.addTool(tool.toolName, measureOptions(kind, this.#drawing.askWords));
      tools?.setToolPassive(tool.toolName);
    }
    tools?.addViewport(VIEWPORT, this.#id);
    this.drawings = new Drawings(this.#viewport, this.#drawing);
    this.#element.addEventListener(Enums.Events.STACK_NEW_IMAGE, () => this.drawings?.sync());
    for (const event of [
      Enums.Events.STACK_NEW_IMAGE,
      Enums.Events.VOI_MODIFIED,
      Enums.Events.CAMERA_MODIFIED,
      Enums.Events.IMAGE_RENDERED,
    ]) {
      this.#element.addEventListener(event, this.#changed);
    }
    // The right button zooms here.
    this.#element.addEventListener("contextmenu", (event) => event.preventDefault());
    this.#resize = new ResizeObserver(() => {
      // Fitted anew: beside another series there is half the room.
      engine.resize(true, false);
      this.#changed();
    });
    this.#resize.observe(this.#element);
  }

  /** File names need not follow anatomy; positions do. */
  async #sortOnceLoaded(imageIds: string[]): Promise<void> {
    const read = await Promise.allSettled(
      imageIds.map((imageId) => imageLoader.loadAndCacheImage(imageId)),
    );
    if (this.#destroyed) return;
    const failed = read.find(({ status }) => status === "rejected");
    if (failed) throw documentsOf(imageIds) ?? (failed as PromiseRejectedResult).reason;
    const sorted = sortedByPosition(imageIds);
    if (sorted.every((imageId, at) => imageId === imageIds[at])) return;
    const shown = this.#viewport.getCurrentImageId();
    const kept = this.#window();
    await this.#viewport.setStack(sorted, Math.max(0, sorted.indexOf(shown)));
    if (kept) this.#viewport.setProperties({ voiRange: kept });
    this.#viewport.render();
  }

  #window(): Window | null {
    const range = this.#viewport.getProperties().voiRange;
    return range ? { lower: range.lower, upper: range.upper } : null;
  }

  #changed = (): void => {
    if (this.#destroyed || !this.#engine) return;
    const viewport = this.#viewport;
    const imageId = viewport.getCurrentImageId();
    if (!imageId) return;
    const window = this.#window();
    const plane = planeOf(imageId);
    const height = this.#element.clientHeight;
    const mmPerPx = (2 * viewport.getCamera().parallelScale!) / height;
    this.#onChange({
      index: viewport.getCurrentImageIdIndex(),
      count: viewport.getImageIds().length,
      window: window && {
        center: (window.upper + window.lower) / 2,
        width: window.upper - window.lower,
      },
      letters: plane && edgeLetters(plane.across, plane.down),
      // Without pixel spacing a length would be invented.
      scale: plane?.spaced ? scaleBar(mmPerPx, this.#element.clientWidth / 4) : null,
      identity: identityOf(imageId),
      description: tag(imageId, "SeriesDescription"),
      series: tag(imageId, "SeriesInstanceUID"),
      presets: this.#presets,
      place: placeOf(imageId),
    });
  };
}

/** A job may leave a report beside its images. */
function documentsOf(imageIds: string[]): DocumentsError | null {
  const found = documentsAmong(imageIds);
  return found.length > 0 ? new DocumentsError(found) : null;
}

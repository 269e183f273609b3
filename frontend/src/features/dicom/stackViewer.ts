import { Enums, imageLoader, metaData, RenderingEngine, type Types } from "@cornerstonejs/core";
import {
  Enums as ToolEnums,
  PanTool,
  StackScrollTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";

import { startCornerstone } from "./cornerstone";
import { cross, dot, type EdgeLetters, edgeLetters, scaleBar, type Vector } from "./geometry";
import type { ImageIdentity } from "./identity";
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
  presets: Preset[];
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

  constructor(element: HTMLDivElement, onChange: (snapshot: Snapshot) => void) {
    this.#element = element;
    this.#onChange = onChange;
  }

  /** Shows the middle slice as soon as it is there; the rest follows. */
  async open(images: ImageSource[], inOrder = false): Promise<void> {
    startCornerstone();
    const imageIds = await imageIdsOf(images);
    if (this.#destroyed) return;
    const middle = Math.floor(imageIds.length / 2);
    const first = await imageLoader.loadAndCacheImage(imageIds[middle] ?? "");
    if (this.#destroyed) return;
    this.#enable();
    const frames = framesOf(imageIds);
    await this.#viewport.setStack(frames, Math.floor(frames.length / 2));
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

  destroy(): void {
    this.#destroyed = true;
    this.#resize?.disconnect();
    ToolGroupManager.destroyToolGroup(this.#id);
    this.#engine?.destroy();
    this.#engine = null;
  }

  #destroyed = false;

  get #viewport(): Types.IStackViewport {
    if (!this.#engine) throw new Error("The viewer is not open");
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
    tools?.addViewport(VIEWPORT, this.#id);
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
      engine.resize(true, true);
      this.#changed();
    });
    this.#resize.observe(this.#element);
  }

  /** File names need not follow anatomy; positions do. */
  async #sortOnceLoaded(imageIds: string[]): Promise<void> {
    await Promise.all(imageIds.map((imageId) => imageLoader.loadAndCacheImage(imageId)));
    if (this.#destroyed) return;
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
      identity: {
        patientId: tag(imageId, "PatientID"),
        patientName: tag(imageId, "PatientName"),
      },
      description: tag(imageId, "SeriesDescription"),
      presets: this.#presets,
    });
  };
}

interface Plane {
  across: Vector;
  down: Vector;
  position: Vector | null;
  spaced: boolean;
}

function planeOf(imageId: string): Plane | null {
  const plane = metaData.get("imagePlaneModule", imageId) as
    | {
        rowCosines?: Vector;
        columnCosines?: Vector;
        imagePositionPatient?: Vector;
        rowPixelSpacing?: number | null;
        usingDefaultValues?: boolean;
      }
    | undefined;
  if (!plane?.rowCosines || !plane.columnCosines || plane.usingDefaultValues) return null;
  return {
    across: plane.rowCosines,
    down: plane.columnCosines,
    position: plane.imagePositionPatient ?? null,
    spaced: Boolean(plane.rowPixelSpacing),
  };
}

function sortedByPosition(imageIds: string[]): string[] {
  const planes = imageIds.map((imageId) => ({ imageId, plane: planeOf(imageId) }));
  const normal = planes[0]?.plane && cross(planes[0].plane.across, planes[0].plane.down);
  if (!normal) return imageIds;
  const places = planes.map(({ imageId, plane }) => ({
    imageId,
    at: plane?.position ? dot(normal, plane.position) : null,
  }));
  if (places.some(({ at }) => at === null)) return imageIds;
  return places.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0)).map(({ imageId }) => imageId);
}

/** One file of many frames becomes one image per frame. */
function framesOf(imageIds: string[]): string[] {
  const only = imageIds.length === 1 ? imageIds[0] : undefined;
  const count = only ? Number(tag(only, "NumberOfFrames")) : 1;
  if (!only || !(count > 1)) return imageIds;
  return Array.from({ length: count }, (_, frame) => `${only}?frame=${frame + 1}`);
}

function tag(imageId: string, keyword: string): string {
  const dataset = metaData.get("naturalized", imageId) as Record<string, unknown> | undefined;
  return asText(dataset?.[keyword]);
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return asText(value[0]);
  if (typeof value === "object" && "Alphabetic" in value) return asText(value.Alphabetic);
  return String(value);
}

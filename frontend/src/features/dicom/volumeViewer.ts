import {
  cache,
  Enums,
  imageLoader,
  RenderingEngine,
  type Types,
  volumeLoader,
} from "@cornerstonejs/core";
import {
  CrosshairsTool,
  Enums as ToolEnums,
  PanTool,
  StackScrollTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";

import { t } from "../../i18n";
import { leaveKeys, startCornerstone } from "./cornerstone";
import { cross, dot, type EdgeLetters, edgeLetters, scaleBar, type Vector } from "./geometry";
import type { ImageIdentity } from "./identity";
import { framesOf, identityOf, planeOf, volumesOf } from "./planes";
import { type Preset, presetsOf, storedWindow } from "./presets";
import { type ImageSource, imageIdsOf } from "./sources";

/** Three planes through the images of a series, with crosshairs that are linked. */

export const PLANES = ["axial", "coronal", "sagittal"] as const;
export type PlaneName = (typeof PLANES)[number];
const ORIENTATIONS = {
  axial: Enums.OrientationAxis.AXIAL,
  coronal: Enums.OrientationAxis.CORONAL,
  sagittal: Enums.OrientationAxis.SAGITTAL,
};
const COLOURS = { axial: "#56b4e9", coronal: "#1fb68a", sagittal: "#e69f00" };

export interface PlaneView {
  letters: EdgeLetters;
  scale: { mm: number; px: number } | null;
}

/** Why images make no volume: told instead of a picture that would mislead. */
export class NoVolumeError extends Error {
  override readonly name = "NoVolumeError";
}

let made = 0;

export class VolumeViewer {
  #elements: Record<PlaneName, HTMLDivElement>;
  #id = `volume-${(made += 1)}`;
  #engine: RenderingEngine | null = null;
  #destroyed = false;
  #resize: ResizeObserver | null = null;
  #onChange: (plane: PlaneName, view: PlaneView) => void;
  presets: Preset[] = [];
  /** How many volumes the images make, as echoes and phases do. */
  volumes = 1;

  constructor(
    elements: Record<PlaneName, HTMLDivElement>,
    onChange: (plane: PlaneName, view: PlaneView) => void,
  ) {
    this.#elements = elements;
    this.#onChange = onChange;
  }

  /**
   * Reads all images; nothing is drawn before all are of the right patient.
   *
   * @param which The volume that is shown, from 0.
   */
  async open(
    images: ImageSource[],
    which: number,
    check: (identities: ImageIdentity[]) => void,
    onLoaded: (done: number, of: number) => void,
  ): Promise<void> {
    startCornerstone();
    const first = await imageIdsOf(images);
    if (first.length === 1) await imageLoader.loadAndCacheImage(first[0]!);
    const imageIds = framesOf(first);
    let done = 0;
    const loaded = await Promise.all(
      imageIds.map(async (imageId) => {
        const image = await imageLoader.loadAndCacheImage(imageId);
        onLoaded((done += 1), imageIds.length);
        return image;
      }),
    );
    if (this.#destroyed) return;
    check(imageIds.map(identityOf));
    const volumes = volumesOf(imageIds);
    const slices = volumes[which] ?? volumes[0]!;
    this.volumes = volumes.length;
    checkVolume(slices);
    const volume = await volumeLoader.createAndCacheVolumeFromImages(this.#id, slices);
    if (this.#destroyed) {
      cache.removeVolumeLoadObject(this.#id);
      return;
    }
    const middle = loaded[imageIds.indexOf(slices[Math.floor(slices.length / 2)]!)]!;
    this.presets = presetsOf(middle.getPixelData(), storedWindow(middle));
    await this.#show(volume.volumeId);
  }

  apply({ window }: Preset): void {
    for (const viewport of this.#viewports()) {
      viewport.setProperties({ voiRange: window });
      viewport.render();
    }
  }

  reset(): void {
    for (const viewport of this.#viewports()) {
      viewport.resetCamera();
      throughCentre(viewport, this.#id);
    }
    const [stored] = this.presets;
    if (stored) this.apply(stored);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#resize?.disconnect();
    ToolGroupManager.destroyToolGroup(this.#id);
    this.#engine?.destroy();
    this.#engine = null;
    if (cache.getVolume(this.#id)) cache.removeVolumeLoadObject(this.#id);
  }

  #viewports(): Types.IVolumeViewport[] {
    return PLANES.map((plane) => this.#viewport(plane)).filter((each) => each !== null);
  }

  #viewport(plane: PlaneName): Types.IVolumeViewport | null {
    return (this.#engine?.getViewport(this.#name(plane)) ?? null) as Types.IVolumeViewport | null;
  }

  #name = (plane: PlaneName): string => `${this.#id}-${plane}`;

  async #show(volumeId: string): Promise<void> {
    const engine = new RenderingEngine(this.#id);
    this.#engine = engine;
    engine.setViewports(
      PLANES.map((plane) => ({
        viewportId: this.#name(plane),
        type: Enums.ViewportType.ORTHOGRAPHIC,
        element: this.#elements[plane],
        defaultOptions: { orientation: ORIENTATIONS[plane], background: [0, 0, 0] },
      })),
    );
    for (const plane of PLANES) leaveKeys(this.#elements[plane]);
    await Promise.all(this.#viewports().map((each) => each.setVolumes([{ volumeId }])));
    if (this.#destroyed) return;
    this.#addTools();
    for (const plane of PLANES) {
      const element = this.#elements[plane];
      for (const event of [Enums.Events.CAMERA_MODIFIED, Enums.Events.IMAGE_RENDERED]) {
        element.addEventListener(event, () => this.#changed(plane));
      }
      element.addEventListener("contextmenu", (event) => event.preventDefault());
    }
    this.#resize = new ResizeObserver(() => {
      engine.resize(true, true);
      for (const plane of PLANES) this.#changed(plane);
    });
    this.#resize.observe(this.#elements.axial);
    // The observer tells of the first size too; what it clears is drawn after it.
    await nextFrame();
    await nextFrame();
    if (this.#destroyed) return;
    this.reset();
    for (const plane of PLANES) this.#changed(plane);
  }

  #addTools(): void {
    const tools = ToolGroupManager.createToolGroup(this.#id);
    if (!tools) return;
    for (const plane of PLANES) tools.addViewport(this.#name(plane), this.#id);
    const planeOfViewport = (id: string) => PLANES.find((plane) => id === this.#name(plane))!;
    const { Primary, Secondary, Auxiliary, Wheel, Primary_And_Secondary } = ToolEnums.MouseBindings;
    tools.addTool(CrosshairsTool.toolName, {
      getReferenceLineColor: (id: string) => COLOURS[planeOfViewport(id)],
      getReferenceLineControllable: () => true,
      getReferenceLineDraggableRotatable: () => true,
      getReferenceLineSlabThicknessControlsOn: () => false,
    });
    for (const [tool, mouseButton] of [
      [ZoomTool.toolName, Secondary],
      [PanTool.toolName, Auxiliary],
      [StackScrollTool.toolName, Wheel],
      [WindowLevelTool.toolName, Primary_And_Secondary],
    ] as const) {
      tools.addTool(tool);
      tools.setToolActive(tool, { bindings: [{ mouseButton }] });
    }
    tools.setToolActive(CrosshairsTool.toolName, { bindings: [{ mouseButton: Primary }] });
  }

  #changed(plane: PlaneName): void {
    const viewport = this.#viewport(plane);
    if (this.#destroyed || !viewport) return;
    const { viewUp, viewPlaneNormal, parallelScale } = viewport.getCamera();
    if (!viewUp || !viewPlaneNormal) return;
    const element = this.#elements[plane];
    const mmPerPx = (2 * (parallelScale ?? 0)) / element.clientHeight;
    const down: Vector = [-viewUp[0], -viewUp[1], -viewUp[2]];
    this.#onChange(plane, {
      letters: edgeLetters(cross(viewUp, viewPlaneNormal), down),
      scale: scaleBar(mmPerPx, element.clientWidth / 4),
    });
  }
}

const nextFrame = () => new Promise<unknown>((resolve) => requestAnimationFrame(resolve));

/** Puts a plane through the middle of a voxel: between two slices nothing is drawn. */
function throughCentre(viewport: Types.IVolumeViewport, volumeId: string): void {
  const { dimensions, imageData } = cache.getVolume(volumeId) ?? {};
  const { focalPoint, position, viewPlaneNormal: normal } = viewport.getCamera();
  if (!dimensions || !imageData || !focalPoint || !position || !normal) return;
  const middle = dimensions.map((count) => Math.floor(count / 2)) as Types.Point3;
  const point = imageData.indexToWorld(middle);
  const away: Vector = [0, 1, 2].map((axis) => point[axis]! - focalPoint[axis]!) as Types.Point3;
  const by = dot(normal, away);
  const moved = (from: Types.Point3) =>
    from.map((value, axis) => value + normal[axis]! * by) as Types.Point3;
  viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position) });
}

const LEAST_SLICES = 3;
/** As a share of the distance between slices: more is no grid. */
const UNEVEN = 0.1;

/** Refuses images that lie on no grid: cut across, they would lie about lengths. */
function checkVolume(imageIds: string[]): void {
  if (imageIds.length < LEAST_SLICES) {
    throw new NoVolumeError(t("Three planes need at least three slices of one series."));
  }
  const planes = imageIds.map(planeOf);
  const [one] = planes;
  if (!one || planes.some((plane) => !plane?.position || !plane.spaced)) {
    throw new NoVolumeError(t("The images do not say where in the patient they lie."));
  }
  const normal = cross(one.across, one.down);
  for (const plane of planes) {
    if (dot(plane!.across, one.across) < 0.999 || dot(plane!.down, one.down) < 0.999) {
      throw new NoVolumeError(t("The slices are not parallel: look at them one by one."));
    }
  }
  const places = planes.map((plane) => dot(normal, plane!.position!));
  const steps = places.slice(1).map((place, at) => place - places[at]!);
  const [least, most] = [Math.min(...steps), Math.max(...steps)];
  if (least <= 0 || most - least > UNEVEN * most) {
    throw new NoVolumeError(
      t(
        "The slices do not follow one another at one distance, as with several echoes or phases: look at them one by one.",
      ),
    );
  }
}

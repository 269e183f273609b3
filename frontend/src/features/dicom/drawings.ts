import { eventTarget, type Types } from "@cornerstonejs/core";
import { annotation as annotations, Enums, type Types as ToolTypes } from "@cornerstonejs/tools";

import type { Annotation, AnnotationChange, AnnotationIn } from "../../api/annotations";
import { reordered, samePoints, toPatient, toPixel } from "./annotationGeometry";
import type { Vector } from "./geometry";
import { type AskWords, kindOf, MEASURES } from "./measuring";
import { frameOf, gridOf } from "./planes";

/** What is drawn on the images of one stack: what is kept is shown, what is drawn is told. */

export interface DrawingHandlers {
  /** Something new; `drop` takes it off the picture once it is kept, or not wanted. */
  onDrawn: (drawn: AnnotationIn, drop: () => void) => void;
  onChanged: (kept: Annotation, change: AnnotationChange) => void;
  onRemoved: (kept: Annotation) => void;
  askWords: AskWords;
  kept: () => Kept;
}

/** What is kept of a series, and whether it is to be seen. */
export interface Kept {
  all: Annotation[];
  visible: boolean;
}

/** As long as somebody drags, nothing is kept. */
const SETTLED_MS = 400;

export class Drawings {
  #viewport: Types.IStackViewport;
  #handlers: DrawingHandlers;
  #kept: Kept;
  #shown = new Map<string, Annotation>();
  #changes = new Map<string, AnnotationChange>();
  #timer: number | undefined;

  constructor(viewport: Types.IStackViewport, handlers: DrawingHandlers) {
    this.#viewport = viewport;
    this.#handlers = handlers;
    this.#kept = handlers.kept();
    eventTarget.addEventListener(Enums.Events.ANNOTATION_COMPLETED, this.#onCompleted);
    eventTarget.addEventListener(Enums.Events.ANNOTATION_MODIFIED, this.#onModified);
  }

  show(kept: Kept): void {
    this.#kept = kept;
    this.sync();
  }

  /** Draws what belongs to the image that is looked at, and nothing else. */
  sync(): void {
    const imageId = this.#viewport.getCurrentImageId();
    if (!imageId) return;
    const { instance, frame } = frameOf(imageId);
    const { all, visible } = this.#kept;
    const wanted = visible
      ? all.filter(
          (one) =>
            one.current &&
            one.deleted_at === null &&
            one.sop_instance_uid === instance &&
            one.frame === frame,
        )
      : [];
    const changed = this.#takeAway(wanted) || wanted.some(({ id }) => !this.#shown.has(id));
    for (const one of wanted) if (!this.#shown.has(one.id)) this.#add(one, imageId);
    if (changed) this.#viewport.render();
  }

  /** Removes those that were chosen by a click: from the picture, and from what is kept. */
  removeChosen(): void {
    for (const id of annotations.selection.getAnnotationsSelected().filter(Boolean)) {
      const kept = this.#shown.get(id);
      if (kept) this.#handlers.onRemoved(kept);
      else if (this.#isHere(annotations.state.getAnnotation(id))) {
        annotations.state.removeAnnotation(id);
      }
    }
    this.#viewport.render();
  }

  choose(id: string): void {
    if (this.#shown.has(id)) annotations.selection.setAnnotationSelected(id, true, false);
    this.#viewport.render();
  }

  /** As it is kept: what somebody made of it could not be. */
  putBack(id: string): void {
    this.#changes.delete(id);
    if (!this.#shown.delete(id)) return;
    annotations.state.removeAnnotation(id);
    this.sync();
  }

  destroy(): void {
    this.#tellChanges();
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_COMPLETED, this.#onCompleted);
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_MODIFIED, this.#onModified);
  }

  #takeAway(wanted: Annotation[]): boolean {
    let changed = false;
    for (const [id, before] of this.#shown) {
      const now = wanted.find((one) => one.id === id);
      // What somebody is moving comes back with its next version.
      if (now?.version === before.version || (now && this.#changes.has(id))) continue;
      if (this.#changes.has(id)) this.#tellChanges();
      this.#shown.delete(id);
      annotations.state.removeAnnotation(id);
      changed = true;
    }
    return changed;
  }

  #add(kept: Annotation, imageId: string): void {
    const grid = gridOf(imageId);
    const tool = MEASURES.find(({ kind }) => kind === kept.kind)?.tool;
    if (!grid || !tool) return;
    const { volumeId: _, ...reference } = this.#viewport.getViewReference();
    this.#shown.set(kept.id, kept);
    const drawn: ToolTypes.Annotation = {
      annotationUID: kept.id,
      highlighted: false,
      invalidated: true,
      isLocked: false,
      isVisible: true,
      metadata: { ...reference, toolName: tool.toolName, referencedImageId: imageId },
      data: {
        label: kept.text,
        handles: {
          points: reordered(kept.kind, kept.points).map((point) => toPatient(point, grid)),
          activeHandleIndex: null,
          ...(kept.kind === "arrow" && { arrowFirst: true }),
          textBox: {
            hasMoved: false,
            worldPosition: [0, 0, 0],
            worldBoundingBox: {
              topLeft: [0, 0, 0],
              topRight: [0, 0, 0],
              bottomLeft: [0, 0, 0],
              bottomRight: [0, 0, 0],
            },
          },
        },
        cachedStats: {},
      },
    };
    annotations.state.addAnnotation(drawn, this.#viewport.element);
  }

  #isHere(drawn: ToolTypes.Annotation | undefined): drawn is ToolTypes.Annotation {
    const imageId = drawn?.metadata?.referencedImageId;
    return imageId !== undefined && this.#viewport.getImageIds().includes(imageId);
  }

  #onCompleted = (event: Event): void => {
    const { annotation } = (event as CustomEvent<{ annotation: ToolTypes.Annotation }>).detail;
    const kind = kindOf(annotation.metadata?.toolName ?? "");
    const change = changeOf(annotation);
    const imageId = annotation.metadata?.referencedImageId;
    if (!kind || !change || !imageId || !this.#isHere(annotation)) return;
    const { instance, frame } = frameOf(imageId);
    this.#handlers.onDrawn({ sop_instance_uid: instance, frame, kind, ...change }, () => {
      annotations.state.removeAnnotation(annotation.annotationUID ?? "");
    });
  };

  #onModified = (event: Event): void => {
    const { annotation } = (event as CustomEvent<{ annotation: ToolTypes.Annotation }>).detail;
    const kept = this.#shown.get(annotation.annotationUID ?? "");
    const change = kept && changeOf(annotation);
    if (!change) return;
    // A value that is computed anew is no change.
    if (samePoints(change.points, kept.points) && change.text === kept.text) return;
    this.#changes.set(kept.id, change);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.#tellChanges, SETTLED_MS);
  };

  #tellChanges = (): void => {
    window.clearTimeout(this.#timer);
    const changes = [...this.#changes];
    this.#changes.clear();
    for (const [id, change] of changes) {
      const kept = this.#shown.get(id);
      if (kept) this.#handlers.onChanged(kept, change);
    }
  };
}

/** Where it is by now in pixels of its image, and what it says. */
function changeOf({ metadata, data }: ToolTypes.Annotation): AnnotationChange | null {
  const kind = kindOf(metadata?.toolName ?? "");
  const grid = gridOf(metadata?.referencedImageId ?? "");
  const points = data.handles?.points;
  if (!kind || !grid || !points) return null;
  const pixels = (points as Vector[]).map((point) => toPixel(point, grid));
  return { points: reordered(kind, pixels), text: data.label ?? "" };
}

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useState } from "react";

import {
  type Annotation,
  type AnnotationChange,
  type AnnotationIn,
  annotationsOf,
  changeAnnotation,
  deleteAnnotation,
  drawAnnotation,
  restoreAnnotation,
} from "../../api/annotations";
import { imageKeys } from "../../api/imageQueries";
import { useLatest } from "../../shared/useLatest";
import type { DrawingHandlers } from "./drawings";
import type { StackViewer } from "./stackViewer";

export interface Annotations {
  all: Annotation[];
  visible: boolean;
  setVisible: (visible: boolean) => void;
  /** What could not be read or kept, and why. */
  error: unknown;
  /** What was deleted last, to bring it back. */
  deleted: Annotation | null;
  restore: () => void;
  change: (kept: Annotation, change: AnnotationChange) => void;
  remove: (kept: Annotation) => void;
}

type Handlers = Omit<DrawingHandlers, "askWords">;

/** What is drawn on the images of a series: read, shown, kept as it is drawn and moved. */
export function useAnnotations(
  viewer: RefObject<StackViewer | null>,
  series: string,
): Annotations & { handlers: RefObject<Handlers> } {
  const client = useQueryClient();
  const query = useQuery({ ...annotationsOf(series), enabled: series !== "" });
  const [visible, setVisible] = useState(true);
  const [deleted, setDeleted] = useState<Annotation | null>(null);
  const all = query.data ?? NONE;
  useEffect(() => viewer.current?.drawings?.show({ all, visible }), [viewer, all, visible]);

  const again = (of: string) => client.invalidateQueries({ queryKey: imageKeys.annotationsOf(of) });
  const put = (kept: Annotation) =>
    client.setQueryData<Annotation[]>(
      imageKeys.annotationsOf(kept.series_instance_uid),
      (known) => known && [...known.filter(({ id }) => id !== kept.id), kept].toSorted(byId),
    );
  const draw = useMutation({
    mutationFn: ({ drawn }: { drawn: AnnotationIn; drop: () => void }) => drawAnnotation(drawn),
    onSuccess: (kept, { drop }) => {
      drop();
      put(kept);
    },
  });
  const change = useMutation({
    mutationFn: ({ kept, to }: { kept: Annotation; to: AnnotationChange }) =>
      changeAnnotation(kept, to),
    onSuccess: put,
    // Somebody else may have been faster: what is kept is what is shown.
    onError: (_error, { kept }) => {
      viewer.current?.drawings?.putBack(kept.id);
      return again(kept.series_instance_uid);
    },
  });
  const remove = useMutation({
    mutationFn: deleteAnnotation,
    onSuccess: (_nothing, kept) => {
      setDeleted(kept);
      return again(kept.series_instance_uid);
    },
    onError: (_error, kept) => again(kept.series_instance_uid),
  });
  const restore = useMutation({
    mutationFn: restoreAnnotation,
    onSuccess: (kept) => {
      setDeleted(null);
      put(kept);
    },
  });
  const forget = () => {
    for (const each of [draw, change, remove, restore]) each.reset();
  };
  const doRemove = (kept: Annotation) => {
    forget();
    remove.mutate(kept);
  };
  const doChange = (kept: Annotation, to: AnnotationChange) => {
    forget();
    change.mutate({ kept, to });
  };
  const handlers = useLatest<Handlers>({
    onDrawn: (drawn, drop) => {
      forget();
      draw.mutate({ drawn, drop });
    },
    onChanged: doChange,
    onRemoved: doRemove,
    kept: () => ({ all, visible }),
  });
  return {
    all,
    visible,
    setVisible,
    error: draw.error ?? change.error ?? remove.error ?? restore.error ?? query.error,
    deleted,
    restore: () => deleted && restore.mutate(deleted.id),
    change: doChange,
    remove: doRemove,
    handlers,
  };
}

const NONE: Annotation[] = [];
const byId = (a: Annotation, b: Annotation): number => a.id.localeCompare(b.id);

import { Button, Switch } from "@mantine/core";
import { IconPencil, IconTrash, IconX } from "@tabler/icons-react";
import { useState } from "react";

import type { Annotation } from "../../api/annotations";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import { authorName } from "../../shared/schema/words";
import { ErrorLine } from "../../shared/states";
import { type PixelGrid, sizeWords } from "./annotationGeometry";
import css from "./annotations.module.css";
import { KINDS } from "./StackTools";
import type { Annotations } from "./useAnnotations";
import { WordsForm } from "./WordsForm";

interface Props {
  annotations: Annotations;
  /** Where in the stack something is, and the pixels of its image as far as they are known. */
  imageOf: (annotation: Annotation) => { index: number; grid: PixelGrid | null } | null;
  onOpen: (annotation: Annotation) => void;
  onClose: () => void;
}

/** What is drawn on the images of a series: where, what it measures, who drew it and when. */
export function AnnotationPanel({ annotations, imageOf, onOpen, onClose }: Props) {
  const { all, visible, setVisible, error, deleted } = annotations;
  const placed = all
    .map((annotation) => ({ annotation, image: imageOf(annotation) }))
    .toSorted((a, b) => (a.image?.index ?? 1e9) - (b.image?.index ?? 1e9));
  return (
    <aside className={css.panel} aria-label={t("Annotations")}>
      <header>
        <h3>{t("Annotations")}</h3>
        <button type="button" aria-label={t("Close the list of annotations")} onClick={onClose}>
          <IconX size={16} aria-hidden />
        </button>
      </header>
      <Switch
        size="xs"
        label={t("Show on the images (O)")}
        checked={visible}
        onChange={(event) => setVisible(event.currentTarget.checked)}
      />
      <ErrorLine error={error} />
      {deleted && (
        <p className={css.undo}>
          {t("Deleted.")}
          <Button size="compact-xs" variant="default" onClick={annotations.restore}>
            {t("Bring it back")}
          </Button>
        </p>
      )}
      {placed.length === 0 ? (
        <p className={css.none}>
          {t(
            "Nothing is drawn on these images yet. What you measure is kept with them, for everybody.",
          )}
        </p>
      ) : (
        <ul>
          {placed.map(({ annotation, image }) => (
            <Row
              key={annotation.id}
              annotation={annotation}
              index={image?.index ?? null}
              grid={image?.grid ?? null}
              onOpen={() => onOpen(annotation)}
              onWords={(text) =>
                annotations.change(annotation, { points: annotation.points, text })
              }
              onRemove={() => annotations.remove(annotation)}
            />
          ))}
        </ul>
      )}
    </aside>
  );
}

function Row({
  annotation,
  index,
  grid,
  onOpen,
  onWords,
  onRemove,
}: {
  annotation: Annotation;
  index: number | null;
  grid: PixelGrid | null;
  onOpen: () => void;
  onWords: (text: string) => void;
  onRemove: () => void;
}) {
  const [editing, setEditing] = useState(false);
  const { kind, text, current, points } = annotation;
  const look = KINDS.find((each) => each.kind === kind);
  const there = current && index !== null;
  const by = annotation.updated_by ?? annotation.created_by;
  return (
    <li>
      <button type="button" className={css.row} disabled={!there} onClick={onOpen}>
        {look && <look.Icon size={16} aria-hidden />}
        <span>
          <strong>
            {[text, grid && sizeWords(kind, points, grid)].filter(Boolean).join(" · ")}
          </strong>
          <span>
            {current
              ? index === null
                ? t("Of an image not shown here")
                : t("Slice {index}", { index: index + 1 })
              : t("Of an image that was replaced or removed")}
          </span>
          <span>
            {authorName(by)}, {dayAndClock(annotation.updated_at ?? annotation.created_at)}
          </span>
        </span>
      </button>
      <span className={css.acts}>
        {current && (
          <button
            type="button"
            aria-label={t("Change its words")}
            onClick={() => setEditing(!editing)}
          >
            <IconPencil size={16} aria-hidden />
          </button>
        )}
        <button type="button" aria-label={t("Delete this annotation")} onClick={onRemove}>
          <IconTrash size={16} aria-hidden />
        </button>
      </span>
      {editing && (
        <WordsForm
          before={text}
          required={kind === "arrow"}
          onDone={(words) => {
            setEditing(false);
            if (words !== null && words !== text) onWords(words);
          }}
        />
      )}
    </li>
  );
}

import {
  IconAngle,
  IconArrowDownLeft,
  IconContrast,
  IconListDetails,
  IconOvalVertical,
  IconPlayerPause,
  IconPlayerPlay,
  IconRectangle,
  IconRuler2,
  IconTrash,
} from "@tabler/icons-react";

import type { AnnotationKind } from "../../api/annotations";
import { t } from "../../i18n";
import css from "./dicom.module.css";
import { ToolButton } from "./ToolButton";

export const KINDS: { kind: AnnotationKind; label: string; Icon: typeof IconAngle }[] = [
  { kind: "length", label: t("Measure a length"), Icon: IconRuler2 },
  { kind: "angle", label: t("Measure an angle"), Icon: IconAngle },
  { kind: "ellipse", label: t("Measure in an ellipse"), Icon: IconOvalVertical },
  { kind: "rectangle", label: t("Measure in a rectangle"), Icon: IconRectangle },
  { kind: "arrow", label: t("Point at something"), Icon: IconArrowDownLeft },
];

/** What the mouse does in a stack, what is drawn, and cine. */
export function StackTools({
  tool,
  onTool,
  mayDraw,
  drawn,
  listed,
  onList,
  onRemove,
  playing,
  mayPlay,
  onPlay,
}: {
  /** Null: the mouse sets the window. */
  tool: AnnotationKind | null;
  onTool: (tool: AnnotationKind | null) => void;
  mayDraw: boolean;
  /** How much is drawn on the images of the series. */
  drawn: number;
  listed: boolean;
  onList: () => void;
  onRemove: () => void;
  playing: boolean;
  mayPlay: boolean;
  onPlay: () => void;
}) {
  return (
    <div className={css.tools} role="group" aria-label={t("Tools")}>
      <ToolButton
        label={t("Set the window")}
        Icon={IconContrast}
        pressed={tool === null}
        onClick={() => onTool(null)}
      />
      {KINDS.map(({ kind, label, Icon }) => (
        <ToolButton
          key={kind}
          label={label}
          Icon={Icon}
          pressed={tool === kind}
          disabled={!mayDraw}
          onClick={() => onTool(kind)}
        />
      ))}
      <ToolButton label={t("Delete what is chosen (X)")} Icon={IconTrash} onClick={onRemove} />
      <ToolButton
        label={drawn > 0 ? t("Annotations: {drawn}", { drawn }) : t("Annotations")}
        Icon={IconListDetails}
        pressed={listed}
        disabled={!mayDraw}
        onClick={onList}
      />
      <ToolButton
        label={playing ? t("Stop the cine (C)") : t("Play as cine (C)")}
        Icon={playing ? IconPlayerPause : IconPlayerPlay}
        pressed={playing}
        disabled={!mayPlay}
        onClick={onPlay}
      />
    </div>
  );
}

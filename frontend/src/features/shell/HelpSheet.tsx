import { Modal } from "@mantine/core";
import { Fragment } from "react";

import { t } from "../../i18n";
import css from "./shell.module.css";

const SHEET: [string, [string, string][]][] = [
  [
    t("Everywhere"),
    [
      [
        t("Ctrl K"),
        t("Go to a page, an exam, a patient, a case, a protocol, a sequence or a device"),
      ],
      ["/", t("Filter the list")],
      [t("Enter in the filter"), t("To the first row of the worklist that was found")],
      ["?", t("This sheet")],
      [t("Esc for 1 s"), t("Stop the scanner (while an exam is open)")],
    ],
  ],
  [
    t("Lists and queue"),
    [
      [t("↓ or J, ↑ or K"), t("Next, previous")],
      [t("Enter"), t("Open")],
    ],
  ],
  [
    t("Queue of an exam"),
    [
      [t("Alt ↑, Alt ↓"), t("Move what is selected")],
      ["D", t("Duplicate it")],
      [t("Delete"), t("Delete it; ten seconds to undo")],
      ["A", t("Add from a protocol")],
      [t("Finger, held"), t("Drag a row")],
    ],
  ],
  [
    t("Images"),
    [
      [t("Wheel, ← →"), t("Through the slices")],
      [t("Left drag"), t("Window and level")],
      [t("Right drag, middle drag"), t("Zoom, pan")],
      [t("1 to 9"), t("Window presets")],
      ["R", t("Reset the view")],
      ["C", t("Play as cine, stop")],
      ["X", t("Delete what is chosen")],
      ["O", t("Show annotations, hide them")],
    ],
  ],
];

export default function HelpSheet({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={t("Keyboard")}>
      <dl className={css.keys}>
        {SHEET.map(([part, keys]) => (
          <Fragment key={part}>
            <dt className={css.keysHead}>{part}</dt>
            {keys.map(([key, meaning]) => (
              <Fragment key={key}>
                <dt>{key}</dt>
                <dd>{meaning}</dd>
              </Fragment>
            ))}
          </Fragment>
        ))}
      </dl>
    </Modal>
  );
}

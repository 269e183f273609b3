import { Modal } from "@mantine/core";
import { Fragment } from "react";

import css from "./shell.module.css";

const SHEET: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["Ctrl K", "Go to a page, an exam, a patient, a case, a protocol, a sequence or a device"],
      ["/", "Filter the list"],
      ["Enter in the filter", "To the first row of the worklist that was found"],
      ["?", "This sheet"],
      ["Esc for 1 s", "Stop the scanner (while an exam is open)"],
    ],
  ],
  [
    "Lists and queue",
    [
      ["↓ or J, ↑ or K", "Next, previous"],
      ["Enter", "Open"],
    ],
  ],
  [
    "Queue of an exam",
    [
      ["Alt ↑, Alt ↓", "Move what is selected"],
      ["D", "Duplicate it"],
      ["Delete", "Delete it; ten seconds to undo"],
      ["A", "Add from a protocol"],
      ["Finger, held", "Drag a row"],
    ],
  ],
  [
    "Images",
    [
      ["Wheel, ← →", "Through the slices"],
      ["Left drag", "Window and level"],
      ["Right drag, middle drag", "Zoom, pan"],
      ["1 to 9", "Window presets"],
      ["R", "Reset the view"],
      ["C", "Play as cine, stop"],
      ["X", "Delete what is chosen"],
      ["O", "Show annotations, hide them"],
    ],
  ],
];

export default function HelpSheet({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="Keyboard">
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

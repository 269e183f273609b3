import { Modal } from "@mantine/core";

import css from "./files.module.css";
import FileViewer from "./FileViewer";
import type { FileKind } from "./kinds";

/** A file over the page that named it. */
export default function FileModal({
  kind,
  url,
  name,
  onClose,
}: {
  kind: FileKind;
  url: string;
  name: string;
  onClose: () => void;
}) {
  return (
    <Modal opened onClose={onClose} title={name.split("/").at(-1)} size="min(1400px, 94vw)">
      <div className={css.modal}>
        <FileViewer kind={kind} url={url} name={name} />
      </div>
    </Modal>
  );
}

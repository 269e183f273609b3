import { Button, TextInput } from "@mantine/core";
import { IconFolder, IconUpload } from "@tabler/icons-react";
import { type RefObject, useRef, useState } from "react";

import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { ForcedRule } from "../rules/ForcedRule";
import { useDrop } from "./dropped";
import css from "./upload.module.css";
import { uploads } from "./uploads";

/** Where files are dropped, and what is to happen with them. */
export function DropZone() {
  const [forcedRule, setForcedRule] = useState<string | null>(null);
  const [dataset, setDataset] = useState("");
  const add = (found: File[]) => {
    uploads.add(found, { forcedRule: forcedRule ?? "", dataset: dataset.trim() });
    // The next ones would be another data set.
    setDataset("");
  };
  const mayNot = useMayOperate();
  const over = useDrop((found) => mayNot === null && add(found));
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  return (
    <section className={css.zone} aria-label={t("New upload")} data-over={over || undefined}>
      <div className={css.words}>
        <IconUpload size={28} stroke={1.5} aria-hidden />
        <div>
          <h2>{t("Drop DICOM files, folders or zip archives here")}</h2>
          <p className="dim">
            {t(
              "They come in as images of a scanner do, when all of them are here. A file that is here already changes nothing.",
            )}
          </p>
        </div>
      </div>
      <div className={css.options}>
        <ForcedRule value={forcedRule} onChange={setForcedRule} />
        <TextInput
          label={t("Keep as a data set")}
          placeholder={t("Name, or empty: no")}
          maxLength={200}
          value={dataset}
          onChange={(event) => setDataset(event.currentTarget.value)}
        />
        <div className={page.buttons}>
          <Button
            {...guarded(mayNot)}
            leftSection={<IconUpload size={16} />}
            onClick={() => files.current?.click()}
          >
            {t("Choose files")}
          </Button>
          <Button
            variant="default"
            {...guarded(mayNot)}
            leftSection={<IconFolder size={16} />}
            onClick={() => folder.current?.click()}
          >
            {t("Choose a folder")}
          </Button>
        </div>
      </div>
      <FileInput inputRef={files} label={t("Files")} onFiles={add} />
      <FileInput inputRef={folder} label={t("Folder")} folder onFiles={add} />
    </section>
  );
}

function FileInput({
  inputRef,
  label,
  folder,
  onFiles,
}: {
  inputRef: RefObject<HTMLInputElement | null>;
  label: string;
  folder?: boolean;
  onFiles: (files: File[]) => void;
}) {
  return (
    <input
      ref={(element) => {
        inputRef.current = element;
        // React does not know this attribute.
        if (folder) element?.setAttribute("webkitdirectory", "");
      }}
      type="file"
      multiple
      hidden
      aria-label={label}
      onChange={(event) => {
        onFiles([...(event.currentTarget.files ?? [])]);
        // The same file may be chosen again.
        event.currentTarget.value = "";
      }}
    />
  );
}

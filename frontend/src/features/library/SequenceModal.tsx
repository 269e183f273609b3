import { Button, FileInput, Modal, Textarea, TextInput } from "@mantine/core";
import { IconFile } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Sequence, type SequenceMade, uploadSequence } from "../../api/library";
import { ApiError } from "../../api/problem";
import { keys } from "../../api/queries";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import css from "./library.module.css";
import { nameOfFile, tagsOf } from "./sequence";

/** Uploads a Pulseq file: a new sequence, or the next version of one. */
export default function SequenceModal({
  versionOf,
  onClose,
  onMade,
}: {
  versionOf: Sequence | null;
  onClose: () => void;
  onMade: (made: SequenceMade) => void;
}) {
  const client = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [header, setHeader] = useState<File | null>(null);
  const [name, setName] = useState(versionOf?.name ?? "");
  const [description, setDescription] = useState(versionOf?.description ?? "");
  const [kind, setKind] = useState(versionOf?.sequence_type ?? "");
  const [tags, setTags] = useState(versionOf?.tags?.join(", ") ?? "");
  const upload = useMutation({
    mutationFn: (chosen: File) =>
      uploadSequence({
        file: chosen,
        header,
        name: name.trim(),
        description,
        sequence_type: kind.trim(),
        tags: tagsOf(tags),
        versionOf: versionOf?._id ?? null,
      }),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: keys.sequences });
      onMade(made);
      if (!made.same_content_as?.length) onClose();
    },
  });
  const twins = upload.data?.same_content_as ?? [];
  const title = versionOf
    ? t("New version of {versionOf}", { versionOf: versionOf.name })
    : t("Upload sequence");
  if (twins.length > 0) {
    return (
      <Modal opened onClose={onClose} title={title}>
        <div className={page.form}>
          <p>
            {t(
              "It is stored. The same file was here already{which}: delete this one if that was not meant.",
              { which: twins.length > 1 ? t(", {n} times", { n: twins.length }) : "" },
            )}
          </p>
          <div className={page.formEnd}>
            <Button onClick={onClose}>{t("Done")}</Button>
          </div>
        </div>
      </Modal>
    );
  }
  return (
    <Modal opened onClose={onClose} title={title}>
      <form
        className={page.form}
        aria-label={t("Sequence")}
        onSubmit={(event) => {
          event.preventDefault();
          if (file) upload.mutate(file);
        }}
      >
        <FileInput
          label={t("Pulseq file")}
          placeholder={t("Choose a .seq file")}
          accept=".seq,text/plain"
          required
          leftSection={<IconFile size={16} />}
          value={file}
          onChange={(chosen) => {
            setFile(chosen);
            if (chosen && name.trim() === "") setName(nameOfFile(chosen.name));
          }}
        />
        <TextInput
          label={t("Name")}
          required
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className={page.pair}>
          <TextInput
            label={t("Kind")}
            placeholder={t("GRE, TSE, EPI")}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
          <TextInput
            label={t("Tags")}
            placeholder={t("head, fast")}
            value={tags}
            onChange={(event) => setTags(event.currentTarget.value)}
          />
        </div>
        <Textarea
          label={t("Description")}
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <FileInput
          label={t("MRD header")}
          description={t("Optional: what reconstruction needs and the file does not say")}
          placeholder={t("Choose an .xml file")}
          accept=".xml,text/xml,application/xml"
          clearable
          leftSection={<IconFile size={16} />}
          value={header}
          onChange={setHeader}
        />
        <ErrorLine error={upload.error} />
        <Line error={upload.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" disabled={!file || name.trim() === ""} loading={upload.isPending}>
            {t("Upload")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** Where in the file it is wrong, and what helps. */
function Line({ error }: { error: unknown }) {
  const members = error instanceof ApiError ? error.members : {};
  const { line, section, remedy } = members;
  const told = [
    typeof line === "number" && t("Line {line}", { line }),
    typeof section === "string" && section && t("section {section}", { section }),
  ].filter(Boolean);
  if (told.length === 0 && typeof remedy !== "string") return null;
  return (
    <p className={css.where}>
      {told.join(", ")}
      {typeof remedy === "string" && <span className="dim"> {remedy}</span>}
    </p>
  );
}

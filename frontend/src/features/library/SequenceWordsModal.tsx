import { Modal, TextInput } from "@mantine/core";
import { useState } from "react";

import { type Sequence, updateSequence } from "../../api/library";
import { keys } from "../../api/queries";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { DescriptionInput, NameInput, SavingForm } from "../../shared/SavingForm";
import { tagsOf } from "./sequence";

/** Changes what is said of a sequence; what it plays is changed by a new version only. */
export default function SequenceWordsModal({
  sequence,
  onClose,
}: {
  sequence: Sequence;
  onClose: () => void;
}) {
  const [name, setName] = useState(sequence.name);
  const [description, setDescription] = useState(sequence.description ?? "");
  const [kind, setKind] = useState(sequence.sequence_type ?? "");
  const [tags, setTags] = useState(sequence.tags?.join(", ") ?? "");
  const words = {
    name: name.trim(),
    description,
    sequence_type: kind.trim(),
    tags: tagsOf(tags),
  };
  return (
    <Modal opened onClose={onClose} title={t("Edit {sequence}", { sequence: sequence.name })}>
      <SavingForm
        label={t("Sequence")}
        ready={name.trim() !== ""}
        save={() => updateSequence(sequence._id, sequence.version ?? 1, words)}
        changes={[keys.sequences]}
        onClose={onClose}
      >
        <NameInput value={name} onChange={setName} />
        <div className={page.pair}>
          <TextInput
            label={t("Kind")}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
          <TextInput
            label={t("Tags")}
            value={tags}
            onChange={(event) => setTags(event.currentTarget.value)}
          />
        </div>
        <DescriptionInput value={description} onChange={setDescription} />
      </SavingForm>
    </Modal>
  );
}

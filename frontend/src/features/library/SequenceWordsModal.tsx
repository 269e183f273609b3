import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type Sequence, updateSequence } from "../../api/library";
import { keys } from "../../api/queries";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { tagsOf } from "./sequence";

/** Changes what is said of a sequence; what it plays is changed by a new version only. */
export default function SequenceWordsModal({
  sequence,
  onClose,
}: {
  sequence: Sequence;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [name, setName] = useState(sequence.name);
  const [description, setDescription] = useState(sequence.description ?? "");
  const [kind, setKind] = useState(sequence.sequence_type ?? "");
  const [tags, setTags] = useState(sequence.tags?.join(", ") ?? "");
  const save = useMutation({
    mutationFn: () =>
      updateSequence(sequence._id, sequence.version ?? 1, {
        name: name.trim(),
        description,
        sequence_type: kind.trim(),
        tags: tagsOf(tags),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.sequences });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Edit ${sequence.name}`}>
      <form
        className={page.form}
        aria-label="Sequence"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <TextInput
          label="Name"
          data-autofocus
          required
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className={page.pair}>
          <TextInput
            label="Kind"
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
          <TextInput
            label="Tags"
            value={tags}
            onChange={(event) => setTags(event.currentTarget.value)}
          />
        </div>
        <Textarea
          label="Description"
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <ErrorLine error={save.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={name.trim() === ""} loading={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

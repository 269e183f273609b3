import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { addWorkflow, createProtocol, updateProtocol } from "../../api/library";
import { keys } from "../../api/queries";
import type { Exam } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Makes a protocol with an empty workflow, or says something else of a draft. */
export default function NewProtocolModal({
  exam = null,
  onClose,
  onMade,
}: {
  exam?: Exam | null;
  onClose: () => void;
  onMade: (id: string) => void;
}) {
  const client = useQueryClient();
  const [name, setName] = useState(exam?.name ?? "");
  const [description, setDescription] = useState(exam?.description ?? "");
  const save = useMutation({
    mutationFn: async () => {
      if (exam) {
        const { indication = null, comment = null } = exam;
        return updateProtocol(exam, { name: name.trim(), description, indication, comment });
      }
      const made = await createProtocol(name.trim(), description);
      await addWorkflow(made.id, name.trim());
      return made;
    },
    onSuccess: async ({ id }) => {
      await Promise.all([
        client.invalidateQueries({ queryKey: keys.templates }),
        client.invalidateQueries({ queryKey: keys.exam(id) }),
      ]);
      onClose();
      onMade(id);
    },
  });
  return (
    <Modal opened onClose={onClose} title={exam ? `Rename ${exam.name}` : "New protocol"}>
      <form
        className={page.form}
        aria-label="Protocol"
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
        <Textarea
          label="Description"
          description="What it is for, and when to choose it"
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
          <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
            {exam ? "Save" : "Make the protocol"}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { updateWorkflow } from "../../api/library";
import { keys } from "../../api/queries";
import type { Exam, Workflow } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

export default function WorkflowModal({
  exam,
  workflow,
  onClose,
}: {
  exam: Exam;
  workflow: Workflow;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [name, setName] = useState(workflow.name);
  const [description, setDescription] = useState(workflow.description ?? "");
  const save = useMutation({
    mutationFn: () => updateWorkflow(workflow, name.trim(), description),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.exam(exam.id) });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Rename ${workflow.name}`}>
      <form
        className={page.form}
        aria-label="Workflow"
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
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

import { Modal } from "@mantine/core";
import { useState } from "react";

import { updateWorkflow } from "../../api/library";
import { keys } from "../../api/queries";
import type { Exam, Workflow } from "../../api/types";
import { t } from "../../i18n";
import { DescriptionInput, NameInput, SavingForm } from "../../shared/SavingForm";

export default function WorkflowModal({
  exam,
  workflow,
  onClose,
}: {
  exam: Exam;
  workflow: Workflow;
  onClose: () => void;
}) {
  const [name, setName] = useState(workflow.name);
  const [description, setDescription] = useState(workflow.description ?? "");
  return (
    <Modal opened onClose={onClose} title={t("Rename {workflow}", { workflow: workflow.name })}>
      <SavingForm
        label={t("Workflow")}
        ready={name.trim() !== ""}
        save={() => updateWorkflow(workflow, name.trim(), description)}
        changes={[keys.exam(exam.id)]}
        onClose={onClose}
      >
        <NameInput value={name} onChange={setName} />
        <DescriptionInput value={description} onChange={setDescription} />
      </SavingForm>
    </Modal>
  );
}

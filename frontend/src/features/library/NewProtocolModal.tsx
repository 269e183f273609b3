import { Modal } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { addWorkflow, createProtocol, updateProtocol } from "../../api/library";
import { keys } from "../../api/queries";
import type { Exam } from "../../api/types";
import { t } from "../../i18n";
import { DescriptionInput, NameInput, SavingForm } from "../../shared/SavingForm";

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
  const save = async () => {
    if (exam) {
      const { indication = null, comment = null } = exam;
      return updateProtocol(exam, { name: name.trim(), description, indication, comment });
    }
    const made = await createProtocol(name.trim(), description);
    await addWorkflow(made.id, name.trim());
    return made;
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={exam ? t("Rename {exam}", { exam: exam.name }) : t("New protocol")}
    >
      <SavingForm
        label={t("Protocol")}
        action={exam ? t("Save") : t("Make the protocol")}
        ready={name.trim() !== ""}
        save={async () => {
          const saved = await save();
          await client.invalidateQueries({ queryKey: keys.exam(saved.id) });
          return saved;
        }}
        changes={[keys.templates]}
        onSaved={({ id }) => onMade(id)}
        onClose={onClose}
      >
        <NameInput value={name} onChange={setName} />
        <DescriptionInput
          about={t("What it is for, and when to choose it")}
          value={description}
          onChange={setDescription}
        />
      </SavingForm>
    </Modal>
  );
}

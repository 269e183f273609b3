import { Modal, Select } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { addWorkflow, createProtocol, updateProtocol } from "../../api/library";
import { keys } from "../../api/queries";
import type { Exam, PatientPosition } from "../../api/types";
import { t } from "../../i18n";
import { POSITIONS, POSITION_WORDS } from "../../shared/patient";
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
  const [position, setPosition] = useState(exam?.patient_position ?? null);
  const save = async () => {
    const said = { name: name.trim(), description, patient_position: position };
    if (exam) {
      const { indication = null, comment = null } = exam;
      return updateProtocol(exam, { ...said, indication, comment });
    }
    const made = await createProtocol(said);
    await addWorkflow(made.id, name.trim());
    return made;
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={exam ? t("Edit {name}", { name: exam.name }) : t("New protocol")}
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
        <Select
          label={t("Patient position")}
          placeholder={t("Asked before the first scan")}
          clearable
          value={position}
          onChange={(next) => setPosition(next as PatientPosition | null)}
          data={POSITIONS.map((value) => ({ value, label: `${POSITION_WORDS[value]} (${value})` }))}
        />
      </SavingForm>
    </Modal>
  );
}

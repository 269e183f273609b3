import { Modal, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { runKeys } from "../../api/runQueries";
import { t } from "../../i18n";
import { SavingForm } from "../../shared/SavingForm";

interface Props {
  title: string;
  pause: (reason: string) => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks why, and lets nothing more begin: of a queue, or at a process. */
export default function PauseModal({ title, pause, onClose, children }: Props) {
  const [reason, setReason] = useState("");
  return (
    <Modal opened onClose={onClose} title={title}>
      <SavingForm
        label={title}
        action={title}
        save={() => pause(reason.trim())}
        changes={[runKeys.work]}
        onClose={onClose}
      >
        {children}
        <TextInput
          label={t("Why (everybody reads it)")}
          data-autofocus
          maxLength={200}
          value={reason}
          onChange={({ currentTarget: { value } }) => setReason(value)}
        />
      </SavingForm>
    </Modal>
  );
}

import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { runKeys } from "../../api/runQueries";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

interface Props {
  title: string;
  pause: (reason: string) => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks why, and lets nothing more begin: of a queue, or at a process. */
export default function PauseModal({ title, pause, onClose, children }: Props) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const pausing = useMutation({
    mutationFn: () => pause(reason.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: runKeys.work });
    },
  });
  return (
    <Modal opened onClose={onClose} title={title}>
      <form
        className={page.form}
        aria-label={title}
        onSubmit={(event) => {
          event.preventDefault();
          pausing.mutate();
        }}
      >
        {children}
        <TextInput
          label="Why (everybody reads it)"
          data-autofocus
          maxLength={200}
          value={reason}
          onChange={({ currentTarget: { value } }) => setReason(value)}
        />
        <ErrorLine error={pausing.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={pausing.isPending}>
            {title}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

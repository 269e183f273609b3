import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { runKeys } from "../../api/runQueries";
import { pauseQueue } from "../../api/runs";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Let no process begin anything more of a queue. */
export default function PauseQueueModal({ name, onClose }: { name: string; onClose: () => void }) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const pause = useMutation({
    mutationFn: () => pauseQueue(name, reason.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: runKeys.work });
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Pause ${name}`}>
      <form
        className={page.form}
        aria-label={`Pause ${name}`}
        onSubmit={(event) => {
          event.preventDefault();
          pause.mutate();
        }}
      >
        <p>
          What runs comes to its end. All else waits, in every process and over restarts, until
          somebody goes on.
        </p>
        <TextInput
          label="Why (everybody reads it)"
          data-autofocus
          maxLength={200}
          value={reason}
          onChange={({ currentTarget: { value } }) => setReason(value)}
        />
        <ErrorLine error={pause.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={pause.isPending}>
            Pause {name}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { deleteDevice } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

export default function DeleteDeviceModal({
  device,
  onClose,
  onDeleted,
}: {
  device: Device;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: () => deleteDevice(device.id),
    onSuccess: async () => {
      onClose();
      onDeleted();
      await client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Delete ${device.name}`}>
      <form
        className={page.form}
        aria-label="Delete device"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === device.name) remove.mutate();
        }}
      >
        <p>
          The scanner can no longer connect. Exams and images made with it stay. This cannot be
          undone.
        </p>
        <TextInput
          label={`Type ${device.name} to confirm`}
          data-autofocus
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <ErrorLine error={remove.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            variant="outline"
            color="red"
            disabled={typed !== device.name}
            loading={remove.isPending}
          >
            Delete device
          </Button>
        </div>
      </form>
    </Modal>
  );
}

import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { renameDevice } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** What people call a device, and where it stands. */
export default function RenameModal({ device, onClose }: { device: Device; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState(device.name);
  const [description, setDescription] = useState(device.description);
  const rename = useMutation({
    mutationFn: () => renameDevice(device.id, name.trim(), description.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Rename ${device.name}`}>
      <form
        className={page.form}
        aria-label="Rename device"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate();
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
          required
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <ErrorLine error={rename.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={rename.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

import { Modal } from "@mantine/core";
import { useState } from "react";

import { renameDevice } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import { DescriptionInput, NameInput, SavingForm } from "../../shared/SavingForm";

/** What people call a device, and where it stands. */
export default function RenameModal({ device, onClose }: { device: Device; onClose: () => void }) {
  const [name, setName] = useState(device.name);
  const [description, setDescription] = useState(device.description);
  return (
    <Modal opened onClose={onClose} title={t("Rename {device}", { device: device.name })}>
      <SavingForm
        label={t("Rename device")}
        save={() => renameDevice(device.id, name.trim(), description.trim())}
        changes={[keys.devices]}
        onClose={onClose}
      >
        <NameInput value={name} onChange={setName} />
        <DescriptionInput required value={description} onChange={setDescription} />
      </SavingForm>
    </Modal>
  );
}

import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { createDevice, rotateDeviceToken } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device, DeviceCredentials } from "../../api/types";
import { t } from "../../i18n";
import { CopyText } from "../../shared/CopyText";
import page from "../../shared/page.module.css";
import { saveFile } from "../../shared/saveFile";
import { ErrorLine } from "../../shared/states";
import { simulatorCommand } from "../welcome/command";

/** Adds a device, or gives an old one a new token: both end in a file that exists only once. */
export default function CredentialsModal({
  device,
  onClose,
}: {
  device: Device | null;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [saved, setSaved] = useState(false);
  const make = useMutation({
    mutationFn: () =>
      device ? rotateDeviceToken(device.id) : createDevice(name.trim(), description.trim()),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.devices }),
  });
  if (make.data) {
    const credentials = make.data;
    return (
      <Modal
        opened
        onClose={onClose}
        title={t("Credentials of {device}", { device: device?.name ?? name })}
        closeOnClickOutside={false}
        closeOnEscape={saved}
        withCloseButton={saved}
      >
        <div className={page.form}>
          <p>
            {t(
              "This is the token the device logs in with. It is shown nowhere again: download the file now and put it on the scanner.",
            )}
          </p>
          <CopyText
            label={t("Token")}
            text={credentials.device_token}
            onCopied={() => setSaved(true)}
          />
          <details>
            <summary>
              {t("Or start a simulated scanner with it, on any computer with ScanHub")}
            </summary>
            <CopyText
              label={t("Commands for a shell")}
              text={simulatorCommand(credentials, window.location.origin)}
              onCopied={() => setSaved(true)}
            />
          </details>
          <div className={page.formEnd}>
            {saved && (
              <Button variant="default" onClick={onClose}>
                {t("Done")}
              </Button>
            )}
            <Button
              leftSection={<IconDownload size={16} />}
              onClick={() => {
                download(credentials);
                setSaved(true);
              }}
            >
              {t("Download credentials")}
            </Button>
          </div>
        </div>
      </Modal>
    );
  }
  return (
    <Modal
      opened
      onClose={onClose}
      title={device ? t("New token for {device}", { device: device.name }) : t("Add device")}
    >
      <form
        className={page.form}
        aria-label={t("Device")}
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {device ? (
          <p>
            {t(
              "The present token stops working at once and the link is closed. The scanner stays offline until the new file is installed.",
            )}
          </p>
        ) : (
          <>
            <TextInput
              label={t("Name")}
              data-autofocus
              required
              maxLength={200}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Textarea
              label={t("Description")}
              description={t("Where it stands, what it is for")}
              required
              autosize
              minRows={2}
              value={description}
              onChange={(event) => setDescription(event.currentTarget.value)}
            />
          </>
        )}
        <ErrorLine error={make.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={make.isPending}>
            {device ? t("Make a new token") : t("Add device")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function download(credentials: DeviceCredentials): void {
  const { device_token, device_id } = credentials;
  const file = new Blob([JSON.stringify({ device_token, device_id }, null, 2)], {
    type: "application/json",
  });
  saveFile(file, "device_credentials.json");
}

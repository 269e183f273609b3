import { Button, Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { rotateDeviceToken } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Shuts a device out at once: its token is replaced by one that nobody gets. */
export default function RevokeModal({ device, onClose }: { device: Device; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: async () => void (await rotateDeviceToken(device.id)),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  return (
    <Modal opened onClose={onClose} title={`Revoke the access of ${device.name}`}>
      <form
        className={page.form}
        aria-label="Revoke access"
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate();
        }}
      >
        <p>
          Its token stops working at once, and its link is closed. It cannot connect again before a
          new token is made and installed on it.
        </p>
        {device.status === "BUSY" && (
          <p>
            <strong>It is scanning.</strong> The scan goes on at the scanner and is shown as lost.
            Stop it first.
          </p>
        )}
        <ErrorLine error={revoke.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" variant="outline" color="red" loading={revoke.isPending}>
            Revoke access
          </Button>
        </div>
      </form>
    </Modal>
  );
}

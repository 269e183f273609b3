import { Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { updateScan } from "../../api/endpoints";
import { queries } from "../../api/queries";
import type { AcquisitionTask } from "../../api/types";
import { inSentence, t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import { DEVICE_STATUS, isActive } from "../../shared/status";

/** Which scanner runs this task. Locked while it runs. */
export function DeviceSelect({ task }: { task: AcquisitionTask }) {
  const client = useQueryClient();
  const devices = useQuery(queries.devices);
  const choose = useMutation({
    mutationFn: (deviceId: string) => updateScan({ ...task, device_id: deviceId }),
    onSettled: () => client.invalidateQueries({ queryKey: ["exam"] }),
  });
  const chosen = choose.isPending ? choose.variables : (task.device_id ?? null);
  return (
    <div data-device-select>
      <Select
        label={t("Device")}
        placeholder={
          devices.data?.length === 0 ? t("No device is registered") : t("Choose a device")
        }
        value={chosen}
        disabled={isActive(task.status)}
        allowDeselect={false}
        comboboxProps={{ withinPortal: true }}
        data={(devices.data ?? []).map((device) => ({
          value: device.id,
          label: `${device.name} (${inSentence(DEVICE_STATUS[device.status].word)})`,
        }))}
        onChange={(deviceId) => deviceId && deviceId !== task.device_id && choose.mutate(deviceId)}
      />
      <ErrorLine error={choose.error ?? devices.error} />
    </div>
  );
}

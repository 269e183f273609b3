import { Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { updateTask } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Task } from "../../api/types";
import { ErrorLine } from "../../shared/states";
import { DEVICE_STATUS, isActive } from "../../shared/status";

/** Which scanner runs this task. Locked while it runs. */
export function DeviceSelect({ task }: { task: Task }) {
  const client = useQueryClient();
  const devices = useQuery(queries.devices);
  const choose = useMutation({
    mutationFn: (deviceId: string) => updateTask({ ...task, device_id: deviceId }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.exam("").slice(0, 1) }),
  });
  const chosen = choose.isPending ? choose.variables : (task.device_id ?? null);
  return (
    <div data-device-select>
      <Select
        label="Device"
        placeholder={devices.data?.length === 0 ? "No device is registered" : "Choose a device"}
        value={chosen}
        disabled={isActive(task.status)}
        allowDeselect={false}
        comboboxProps={{ withinPortal: true }}
        data={(devices.data ?? []).map((device) => ({
          value: device.id,
          label: `${device.name} (${DEVICE_STATUS[device.status].word.toLowerCase()})`,
        }))}
        onChange={(deviceId) => deviceId && deviceId !== task.device_id && choose.mutate(deviceId)}
      />
      <ErrorLine error={choose.error ?? devices.error} />
    </div>
  );
}

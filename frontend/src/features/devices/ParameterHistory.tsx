import { useQuery } from "@tanstack/react-query";

import { restoreParameter } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import { useMayChangeDevices } from "../../shared/roles";
import type { Field } from "../../shared/schema/schema";
import { VersionHistory } from "../../shared/VersionHistory";

export function ParameterHistory({ device, fields }: { device: Device; fields: Field[] }) {
  return (
    <VersionHistory
      versions={useQuery(queries.parameterVersions(device.id))}
      inForce={device.parameter_version}
      difference={(before, after) => queries.parameterDiff(device.id, before, after)}
      safe={t("The parameters themselves are not affected.")}
      fields={fields}
      mayNot={useMayChangeDevices()}
      restore={(older, comment) =>
        restoreParameter(device.id, older, device.parameter_version, comment)
      }
      changed={keys.devices}
    />
  );
}

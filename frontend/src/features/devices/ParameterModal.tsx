import { Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { getParameter } from "../../api/endpoints";
import { queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import { QueryView } from "../../shared/states";
import { ParameterEditor } from "./ParameterEditor";
import { schemaOf } from "./parameters";

interface Props {
  device: Device;
  onClose: () => void;
}

/** Changes the parameters of a device: a new version of them. */
export default function ParameterModal({ device, onClose }: Props) {
  // Its own copy: what is being edited does not change under the hands of whoever edits it.
  const inForce = useQuery({
    queryKey: ["parameter being edited", device.id],
    queryFn: () => getParameter(device.id),
    gcTime: 0,
    staleTime: Infinity,
  });
  const schemas = useQuery(queries.parameterSchemas);
  return (
    <Modal
      opened
      onClose={onClose}
      size={720}
      title={t("Parameters of {device}", { device: device.name })}
      closeOnClickOutside={false}
    >
      <QueryView query={inForce} rows={8} safe={t("The parameters themselves are not affected.")}>
        {(found) => (
          <QueryView
            query={schemas}
            rows={8}
            safe={t("The parameters themselves are not affected.")}
          >
            {(all) => (
              <ParameterEditor
                device={device}
                first={found}
                schema={schemaOf(device, all)}
                onClose={onClose}
              />
            )}
          </QueryView>
        )}
      </QueryView>
    </Modal>
  );
}

import { Button } from "@mantine/core";
import { IconCpu, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { keys } from "../../api/queries";
import { simulatorsQuery, startSimulator } from "../../api/simulators";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { guarded, useMayChangeDevices } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { DEVICE_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import css from "./welcome.module.css";

const CredentialsModal = lazy(() => import("../devices/CredentialsModal"));

/** A real scanner, or one that this server simulates. */
export function ScannerStep({ devices }: { devices: Device[] }) {
  const client = useQueryClient();
  const simulators = useQuery(simulatorsQuery).data;
  const [adding, setAdding] = useState(false);
  const mayNot = useMayChangeDevices();
  const start = useMutation({
    mutationFn: () => startSimulator(null),
    onSettled: () => client.invalidateQueries({ queryKey: keys.devices }),
  });
  const connected = devices.some(({ status }) => status !== "OFFLINE");
  return (
    <>
      <p>
        {t(
          "To try things out, let this server simulate a scanner: it plays Pulseq sequences on a phantom of the head. A real one is added as a device, and gets a file with its credentials.",
        )}
      </p>
      {devices.length > 0 && (
        <ul className={css.known} aria-label={t("Devices")}>
          {devices.map((device) => (
            <li key={device.id}>
              <StatusBadge look={DEVICE_STATUS[device.status]} />
              <Link to="/devices" search={{ id: device.id }}>
                {device.name}
              </Link>
              {simulators?.running.includes(device.id) && (
                <span className="dim">{t("simulated by this server")}</span>
              )}
            </li>
          ))}
        </ul>
      )}
      {!connected && devices.length > 0 && (
        <p className="dim" role="status">
          {t("Waiting for a scanner to connect. This page goes on by itself.")}
        </p>
      )}
      <div className={page.buttons}>
        <Button
          variant={connected ? "default" : "filled"}
          leftSection={<IconCpu size={16} />}
          loading={start.isPending}
          {...guarded(mayNot ?? (simulators?.allowed === false ? (simulators.reason ?? "") : null))}
          onClick={() => start.mutate()}
        >
          {t("Start a simulated scanner")}
        </Button>
        <Button
          variant="default"
          leftSection={<IconPlus size={16} />}
          {...guarded(mayNot)}
          onClick={() => setAdding(true)}
        >
          {t("Add a scanner of your own")}
        </Button>
      </div>
      {mayNot && <p className="dim">{mayNot}</p>}
      {simulators?.allowed === false && <p className="dim">{simulators.reason}</p>}
      <ErrorLine error={start.error} />
      <Suspense>
        {adding && <CredentialsModal device={null} onClose={() => setAdding(false)} />}
      </Suspense>
    </>
  );
}

import { ActionIcon, Button } from "@mantine/core";
import {
  IconCircleCheck,
  IconCircleMinus,
  IconKey,
  IconKeyOff,
  IconPencil,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { deleteDevice, rotateDeviceToken } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { clock, day } from "../../shared/format";
import page from "../../shared/page.module.css";
import { useMayChangeDevices } from "../../shared/roles";
import { capabilitiesOf } from "./capabilities";
import css from "./devices.module.css";
import { Fact } from "./Fact";
import { limitFacts } from "./limits";

const CredentialsModal = lazy(() => import("./CredentialsModal"));
const RenameModal = lazy(() => import("./RenameModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

export function DeviceOverview({ device, onGone }: { device: Device; onGone: () => void }) {
  return (
    <>
      <LinkFacts device={device} />
      <Access device={device} onGone={onGone} />
      <section className={page.detailSection} aria-label={t("About")}>
        <dl className={page.facts}>
          <Fact name={t("Own name")} value={device.device_name} />
          <Fact name={t("Manufacturer")} value={device.manufacturer} />
          <Fact name={t("Modality")} value={device.modality} />
          <Fact name={t("Type")} value={device.device_type} />
          <Fact name={t("Serial number")} value={device.serial_number} />
          <Fact name={t("Site")} value={device.site} />
          <Fact name={t("Added")} value={day(device.datetime_created)} />
          <Fact name={t("Device ID")} value={device.id} mono />
        </dl>
      </section>
      <Capabilities device={device} />
      <Limits device={device} />
    </>
  );
}

/** Whether it is there, and since when nothing was heard of it. */
function LinkFacts({ device }: { device: Device }) {
  const devices = useQuery(queries.devices);
  const connected = device.status !== "OFFLINE";
  const heard = device.last_seen;
  return (
    <section className={page.detailSection} aria-label={t("Link")}>
      <dl className={page.facts}>
        <Fact name={t("Link")} value={connected ? "connected" : "not connected"} />
        <dt>{t("Last heard")}</dt>
        <dd className={css.heard}>
          <span className="live-number">
            {heard ? `${day(heard)} ${clock(heard)}` : t("never")}
          </span>
          {connected && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size={20}
              aria-label={t("Ask again when it was last heard")}
              title={t("Ask again")}
              loading={devices.isFetching}
              onClick={() => void devices.refetch()}
            >
              <IconRefresh size={16} aria-hidden />
            </ActionIcon>
          )}
        </dd>
      </dl>
      {!heard && (
        <p className="dim">
          {t(
            "It has never connected. Install its credentials file on it; with a new token if the file is lost.",
          )}
        </p>
      )}
    </section>
  );
}

function Capabilities({ device }: { device: Device }) {
  const told = device.last_seen !== null && device.last_seen !== undefined;
  return (
    <section className={page.detailSection} aria-label={t("Capabilities")}>
      <h3>{t("What it can")}</h3>
      {told ? (
        <ul className={css.capabilities}>
          {capabilitiesOf(device.capabilities ?? []).map(({ word, name, can, meaning }) => (
            <li key={word}>
              {can ? (
                <IconCircleCheck size={16} color="var(--status-done)" aria-hidden />
              ) : (
                <IconCircleMinus size={16} color="var(--status-warn)" aria-hidden />
              )}
              <span>
                <strong>{can ? name : t("{name}: no", { name })}</strong>
                <span className="dim">
                  {" "}
                  {can ? meaning : t("It does not announce it. {meaning}", { meaning })}
                </span>
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="dim">{t("Known when it has connected for the first time.")}</p>
      )}
    </section>
  );
}

function Limits({ device }: { device: Device }) {
  const facts = limitFacts(device.system_limits);
  const told = facts.filter(({ value }) => value !== null);
  const missing = facts.filter(({ value }) => value === null).map(({ name }) => name);
  return (
    <section className={page.detailSection} aria-label={t("Limits")}>
      <h3>{t("Limits of the hardware")}</h3>
      {told.length === 0 ? (
        <p className="dim">
          {device.last_seen
            ? t("It tells none, so no scan is checked against its hardware.")
            : t("Known when it has connected for the first time.")}
        </p>
      ) : (
        <>
          <dl className={page.facts}>
            {told.map(({ name, value }) => (
              <Fact key={name} name={name} value={value} />
            ))}
          </dl>
          {missing.length > 0 && (
            <p className="dim">
              {t("Not told, so not checked: {missing}.", { missing: missing.join(", ") })}
            </p>
          )}
        </>
      )}
    </section>
  );
}

type Dialog = "rename" | "rotate" | "revoke" | "delete";

function Access({ device, onGone }: { device: Device; onGone: () => void }) {
  const client = useQueryClient();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const mayNot = useMayChangeDevices();
  const close = () => setDialog(null);
  const changed = () => client.invalidateQueries({ queryKey: keys.devices });
  // A device is shut out by a new token that nobody gets.
  const revoke = () => rotateDeviceToken(device.id).then(changed);
  const remove = async () => {
    await deleteDevice(device.id);
    onGone();
    await changed();
  };
  const button = { variant: "default", disabled: mayNot !== null };
  return (
    <section className={page.detailSection} aria-label={t("Access")}>
      <div className={page.buttons}>
        <Button
          {...button}
          leftSection={<IconPencil size={16} />}
          onClick={() => setDialog("rename")}
        >
          {t("Rename")}
        </Button>
        <Button {...button} leftSection={<IconKey size={16} />} onClick={() => setDialog("rotate")}>
          {t("New token")}
        </Button>
        <Button
          {...button}
          leftSection={<IconKeyOff size={16} />}
          onClick={() => setDialog("revoke")}
        >
          {t("Revoke access")}
        </Button>
        <Button
          {...button}
          leftSection={<IconTrash size={16} />}
          onClick={() => setDialog("delete")}
        >
          {t("Delete")}
        </Button>
      </div>
      {mayNot && <p className="dim">{mayNot}</p>}
      <Suspense>
        {dialog === "rename" && <RenameModal device={device} onClose={close} />}
        {dialog === "rotate" && <CredentialsModal device={device} onClose={close} />}
        {dialog === "revoke" && (
          <ConfirmModal
            title={t("Revoke the access of {device}", { device: device.name })}
            action={t("Revoke access")}
            run={revoke}
            onClose={close}
          >
            <p>
              {t(
                "Its token stops working at once, and its link is closed. It cannot connect again before a new token is made and installed on it.",
              )}
            </p>
            {device.status === "BUSY" && (
              <p>
                {rich(
                  "<strong>It is scanning.</strong> The scan goes on at the scanner and is shown as lost. Stop it first.",
                  { strong: <strong /> },
                )}
              </p>
            )}
          </ConfirmModal>
        )}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete {device}", { device: device.name })}
            action={t("Delete device")}
            typed={device.name}
            run={remove}
            onClose={close}
          >
            <p>
              {t(
                "The scanner can no longer connect. Exams and images made with it stay. This cannot be undone.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}

import { Button } from "@mantine/core";
import {
  IconAdjustments,
  IconKey,
  IconPlus,
  IconScan,
  IconTarget,
  IconTrash,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { type Column, DataTable } from "../../shared/DataTable";
import { dayOrClock, day, clock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, QueryView } from "../../shared/states";
import { DEVICE_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { parameterFact } from "./parameters";

const CredentialsModal = lazy(() => import("./CredentialsModal"));
const CalibrateModal = lazy(() => import("./CalibrateModal"));
const ParameterModal = lazy(() => import("./ParameterModal"));
const DeleteDeviceModal = lazy(() => import("./DeleteDeviceModal"));

const COLUMNS: Column<Device>[] = [
  {
    key: "name",
    head: "Name",
    width: "minmax(140px, 1.5fr)",
    cell: (device) => <strong>{device.name}</strong>,
  },
  {
    key: "status",
    head: "State",
    width: "100px",
    cell: (device) => <StatusBadge look={DEVICE_STATUS[device.status]} />,
  },
  {
    key: "seen",
    head: "Last seen",
    width: "92px",
    cell: (device) => (
      <span className="live-number">
        {device.last_seen ? dayOrClock(device.last_seen) : "never"}
      </span>
    ),
  },
  {
    key: "maker",
    head: "Manufacturer",
    width: "minmax(110px, 1fr)",
    cell: (device) => device.manufacturer ?? <span className="dim">–</span>,
  },
  {
    key: "modality",
    head: "Modality",
    optional: true,
    width: "76px",
    cell: (device) => device.modality ?? <span className="dim">–</span>,
  },
  {
    key: "site",
    head: "Site",
    optional: true,
    width: "minmax(80px, 1fr)",
    cell: (device) => device.site ?? <span className="dim">–</span>,
  },
];

interface Props {
  filter: string;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onSelect: (id: string | null) => void;
}

export function DevicesPage({ filter, selectedId, onFilter, onSelect }: Props) {
  const devices = useQuery(queries.devices);
  const [adding, setAdding] = useState(false);
  const selected = devices.data?.find(({ id }) => id === selectedId) ?? null;
  return (
    <div className={page.page}>
      <PageHead
        title="Devices"
        filter={filter}
        placeholder="Filter by name, manufacturer, site"
        onFilter={onFilter}
      >
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
          Add device
        </Button>
      </PageHead>
      <div className={page.split} data-detail={selected !== null || undefined}>
        <div className={page.list}>
          <QueryView query={devices} rows={6} safe="The scanners themselves are not affected.">
            {(all) => {
              const rows = all
                .filter((device) => containsWords(wordsOf(device), filter))
                .toSorted((a, b) => a.name.localeCompare(b.name));
              if (rows.length === 0) {
                return (
                  <Empty
                    icon={IconScan}
                    title={filter ? `Nothing matches “${filter}”` : "No devices yet"}
                  >
                    {filter
                      ? "Clear the filter to see all devices."
                      : "Add one and install its credentials file on the scanner."}
                  </Empty>
                );
              }
              return (
                <DataTable
                  label="Devices"
                  rows={rows}
                  columns={COLUMNS}
                  rowId={({ id }) => id}
                  selectedId={selectedId}
                  compact={selected !== null}
                  onOpen={({ id }) => onSelect(id === selectedId ? null : id)}
                />
              );
            }}
          </QueryView>
        </div>
        {selected && (
          <DeviceDetail key={selected.id} device={selected} onGone={() => onSelect(null)} />
        )}
      </div>
      <Suspense>
        {adding && <CredentialsModal device={null} onClose={() => setAdding(false)} />}
      </Suspense>
    </div>
  );
}

function wordsOf({ name, description, manufacturer, modality, site, serial_number }: Device) {
  return [name, description, manufacturer, modality, site, serial_number].map((word) => word ?? "");
}

type Dialog = "rotate" | "delete" | "parameters" | "calibrate";

function DeviceDetail({ device, onGone }: { device: Device; onGone: () => void }) {
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = () => setDialog(null);
  const parameters = Object.entries(device.parameter ?? {});
  return (
    <aside className={page.detail} aria-label={`Device ${device.name}`}>
      <header className={page.detailHead}>
        <div>
          <h2>{device.name}</h2>
          <p className="dim">{device.description}</p>
        </div>
        <StatusBadge look={DEVICE_STATUS[device.status]} />
      </header>
      {device.status_detail && (
        <section className={page.detailSection}>
          <p>{device.status_detail}</p>
        </section>
      )}
      <section className={page.detailSection}>
        <dl className={page.facts}>
          <Fact name="Last seen" value={when(device.last_seen)} />
          <Fact name="Own name" value={device.device_name} />
          <Fact name="Manufacturer" value={device.manufacturer} />
          <Fact name="Modality" value={device.modality} />
          <Fact name="Serial number" value={device.serial_number} />
          <Fact name="Site" value={device.site} />
          <Fact name="Device ID" value={device.id} mono />
          <Fact name="Added" value={day(device.datetime_created)} />
        </dl>
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconKey size={16} />}
            onClick={() => setDialog("rotate")}
          >
            New token
          </Button>
          <Button
            variant="default"
            leftSection={<IconTrash size={16} />}
            onClick={() => setDialog("delete")}
          >
            Delete
          </Button>
        </div>
      </section>
      <section className={page.detailSection}>
        <h3>
          Parameters{" "}
          {device.parameter_version > 0 && (
            <span className="dim">version {device.parameter_version}</span>
          )}
        </h3>
        <dl className={page.facts}>
          {parameters.map(([name, value]) => (
            <Fact key={name} {...parameterFact(name, value)} />
          ))}
        </dl>
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconAdjustments size={16} />}
            onClick={() => setDialog("parameters")}
          >
            Edit and history
          </Button>
          <Button
            variant="default"
            leftSection={<IconTarget size={16} />}
            onClick={() => setDialog("calibrate")}
          >
            Calibrate
          </Button>
        </div>
      </section>
      <Suspense>
        {dialog === "parameters" && <ParameterModal device={device} onClose={close} />}
        {dialog === "calibrate" && <CalibrateModal device={device} onClose={close} />}
        {dialog === "rotate" && <CredentialsModal device={device} onClose={close} />}
        {dialog === "delete" && (
          <DeleteDeviceModal device={device} onClose={close} onDeleted={onGone} />
        )}
      </Suspense>
    </aside>
  );
}

function Fact({ name, value, mono }: { name: string; value?: string | null; mono?: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className={mono ? "mono" : undefined}>
        {value || <span className="dim">not told</span>}
      </dd>
    </>
  );
}

function when(time: string | null | undefined): string {
  return time ? `${day(time)} ${clock(time)}` : "never";
}

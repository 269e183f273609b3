import { Button } from "@mantine/core";
import { IconPlus, IconScan } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayChangeDevices } from "../../shared/roles";
import { Empty } from "../../shared/states";
import { DEVICE_STATUS } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { DeviceDetail } from "./DeviceDetail";
import type { DeviceTab } from "./tabs";

const CredentialsModal = lazy(() => import("./CredentialsModal"));

const COLUMNS: Column<Device>[] = [
  {
    key: "name",
    head: t("Name"),
    width: "minmax(140px, 1.5fr)",
    cell: (device) => <strong>{device.name}</strong>,
  },
  {
    key: "status",
    head: t("State"),
    width: "100px",
    cell: (device) => <StatusBadge look={DEVICE_STATUS[device.status]} />,
  },
  {
    key: "seen",
    head: t("Last seen"),
    width: "92px",
    cell: (device) => (
      <span className="live-number">
        {device.last_seen ? dayOrClock(device.last_seen) : t("never")}
      </span>
    ),
  },
  {
    key: "maker",
    head: t("Manufacturer"),
    width: "minmax(110px, 1fr)",
    cell: (device) => device.manufacturer ?? <span className="dim">–</span>,
  },
  {
    key: "modality",
    head: t("Modality"),
    optional: true,
    width: "76px",
    cell: (device) => device.modality ?? <span className="dim">–</span>,
  },
  {
    key: "site",
    head: t("Site"),
    optional: true,
    width: "minmax(80px, 1fr)",
    cell: (device) => device.site ?? <span className="dim">–</span>,
  },
];

interface Props {
  filter: string;
  selectedId: string | null;
  tab: DeviceTab;
  onFilter: (filter: string) => void;
  onSelect: (id: string | null) => void;
  onTab: (tab: DeviceTab) => void;
}

export function DevicesPage({ filter, selectedId, tab, onFilter, onSelect, onTab }: Props) {
  const devices = useQuery(queries.devices);
  const [adding, setAdding] = useState(false);
  const mayNot = useMayChangeDevices();
  const selected = devices.data?.find(({ id }) => id === selectedId) ?? null;
  return (
    <div className={page.page}>
      <PageHead
        title={t("Devices")}
        filter={filter}
        placeholder={t("Filter by name, manufacturer, site")}
        onFilter={onFilter}
      >
        <Button
          leftSection={<IconPlus size={16} />}
          {...guarded(mayNot)}
          onClick={() => setAdding(true)}
        >
          {t("Add device")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={devices}
        rows={devices.data
          ?.filter((device) => containsWords(wordsOf(device), filter))
          .toSorted((a, b) => a.name.localeCompare(b.name))}
        safe={t("The scanners themselves are not affected.")}
        label={t("Devices")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        empty={
          <Empty
            icon={IconScan}
            title={filter ? t("Nothing matches “{filter}”", { filter }) : t("No devices yet")}
          >
            {filter
              ? t("Clear the filter to see all devices.")
              : t("Add one and install its credentials file on the scanner.")}
          </Empty>
        }
        detail={
          selected && (
            <DeviceDetail
              key={selected.id}
              device={selected}
              tab={tab}
              onTab={onTab}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
      <Suspense>
        {adding && <CredentialsModal device={null} onClose={() => setAdding(false)} />}
      </Suspense>
    </div>
  );
}

function wordsOf({ name, description, manufacturer, modality, site, serial_number }: Device) {
  return [name, description, manufacturer, modality, site, serial_number].map((word) => word ?? "");
}

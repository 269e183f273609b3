import { Button } from "@mantine/core";
import { IconAdjustments } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { queries } from "../../api/queries";
import type { Device } from "../../api/types";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { clock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { acquisitionLook, DEVICE_STATUS } from "../../shared/status";
import { Calibrations } from "./Calibrations";
import { DeviceOverview } from "./DeviceOverview";
import css from "./devices.module.css";
import { Fact } from "./Fact";
import { ParameterHistory } from "./ParameterHistory";
import { factOf, schemaOf } from "./parameters";
import { ScansOfDevice } from "./ScansOfDevice";
import { fieldsOf } from "../../shared/schema/schema";
import { type DeviceTab, TABS } from "./tabs";

const ParameterModal = lazy(() => import("./ParameterModal"));

interface Props {
  device: Device;
  tab: DeviceTab;
  onTab: (tab: DeviceTab) => void;
  onClose: () => void;
}

/** Everything about one scanner. */
export function DeviceDetail({ device, tab, onTab, onClose }: Props) {
  return (
    <aside className={page.detail} aria-label={t("Device {device}", { device: device.name })}>
      <DetailHead
        title={device.name}
        about={device.description}
        look={DEVICE_STATUS[device.status]}
        onClose={onClose}
      />
      {device.status_detail && <p className={css.statusDetail}>{device.status_detail}</p>}
      {tab !== "scans" && <Silent device={device} onShow={() => onTab("scans")} />}
      <Tabs tab={tab} onTab={onTab} />
      <div role="tabpanel" id="device-tab" aria-labelledby={`device-tab-${tab}`}>
        {tab === "overview" && <DeviceOverview device={device} onGone={onClose} />}
        {tab === "parameters" && <Parameters device={device} />}
        {tab === "calibrations" && <Calibrations device={device} />}
        {tab === "scans" && <ScansOfDevice device={device} />}
      </div>
    </aside>
  );
}

/** A scan on it of which nobody here knows what the scanner does. */
function Silent({ device, onShow }: { device: Device; onShow: () => void }) {
  const scans = useQuery(queries.scansOf(device.id)).data ?? [];
  const silent = scans.find(({ state }) => state === "lost" || state === "stopping");
  if (!silent) return null;
  const look = acquisitionLook(silent.state);
  return (
    <button type="button" className={css.silent} onClick={onShow}>
      <look.icon size={18} aria-hidden />
      {t("{look}{lostAt}: go to the scanner", {
        look: look.word,
        lostAt: silent.lost_at ? t(" since {lostAt}", { lostAt: clock(silent.lost_at) }) : "",
      })}
    </button>
  );
}

function Tabs({ tab, onTab }: Pick<Props, "tab" | "onTab">) {
  const move = (by: number) => {
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] as DeviceTab;
    onTab(next);
    document.getElementById(`device-tab-${next}`)?.focus();
  };
  return (
    <div role="tablist" aria-label={t("About the device")} className={`${page.tabs} ${css.tabs}`}>
      {TABS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`device-tab-${name}`}
          aria-selected={name === tab}
          aria-controls="device-tab"
          tabIndex={name === tab ? 0 : -1}
          className={page.tab}
          onClick={() => onTab(name)}
          onKeyDown={({ key }) => {
            if (key === "ArrowRight") move(1);
            if (key === "ArrowLeft") move(-1);
          }}
        >
          {name.charAt(0).toUpperCase() + name.slice(1)}
        </button>
      ))}
    </div>
  );
}

function Parameters({ device }: { device: Device }) {
  const [editing, setEditing] = useState(false);
  const schemas = useQuery(queries.parameterSchemas).data ?? [];
  const schema = schemaOf(device, schemas);
  const fields = schema ? fieldsOf(schema.document) : [];
  const values = Object.entries(device.parameter ?? {});
  return (
    <>
      <DetailSection
        title={
          device.parameter_version > 0
            ? t("Version {parameterVersion}", { parameterVersion: device.parameter_version })
            : t("Values")
        }
      >
        {values.length === 0 ? (
          <p className="dim">{t("None were ever set.")}</p>
        ) : (
          <dl className={page.facts}>
            {values.map(([name, value]) => (
              <Fact key={name} {...factOf(name, value, fields)} />
            ))}
          </dl>
        )}
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconAdjustments size={16} />}
            onClick={() => setEditing(true)}
          >
            {t("Edit parameters")}
          </Button>
        </div>
      </DetailSection>
      <DetailSection title={t("History")}>
        <ParameterHistory device={device} fields={fields} />
      </DetailSection>
      <Suspense>
        {editing && <ParameterModal device={device} onClose={() => setEditing(false)} />}
      </Suspense>
    </>
  );
}

import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";

import { changesQuery, type Kind, KINDS } from "../../api/changes";
import { moduleQueries } from "../../api/moduleQueries";
import { atEndOf } from "../../api/pages";
import { queries } from "../../api/queries";
import { routingQueries } from "../../api/routingQueries";
import type { Device, JournalEvent } from "../../api/types";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { capitalised, clock, day, dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { fieldsOf } from "../../shared/schema/schema";
import { Empty, QueryView } from "../../shared/states";
import { AdminTabs } from "../../shared/SubNav";
import { useLatest } from "../../shared/useLatest";
import { ParameterHistory } from "../devices/ParameterHistory";
import { schemaOf } from "../devices/parameters";
import { ModuleHistory } from "../modules/ModuleHistory";
import { actorWords } from "../people/people";
import { DeletedRuleHistory, RuleHistory } from "../rules/RuleHistory";
import { SettingsHistory } from "../settings/SettingsHistory";
import { TargetHistory } from "../targets/TargetHistory";
import { detailOf, isOfKind, KIND_WORDS, kindOf, nameOf, verbOf } from "./change";
import { RuleOrder } from "./RuleOrder";

const columnsOf = (devices: Device[]): Column<JournalEvent>[] => [
  {
    key: "time",
    head: t("When"),
    width: "140px",
    cell: ({ time }) => <span className="live-number">{`${day(time)} ${clock(time)}`}</span>,
  },
  {
    key: "kind",
    head: t("Kind"),
    width: "80px",
    cell: (event) => capitalised(kindOf(event) ?? event.type),
  },
  {
    key: "name",
    head: t("What"),
    width: "minmax(130px, 1.4fr)",
    cell: (event) => <strong>{nameOf(event, devices)}</strong>,
  },
  { key: "verb", head: t("Became"), width: "minmax(110px, 1fr)", cell: verbOf },
  {
    key: "who",
    head: t("Who"),
    width: "minmax(90px, 0.8fr)",
    cell: ({ actor }) => actorWords(actor),
  },
  {
    key: "detail",
    head: t("Note"),
    width: "minmax(120px, 1.4fr)",
    optional: true,
    cell: (event) => detailOf(event) || <span className="dim">–</span>,
  },
];

/** Rows that fill any screen. */
const ENOUGH = 40;

interface Props {
  kind: Kind | null;
  selectedId: string | null;
  onKind: (kind: Kind | null) => void;
  onSelect: (id: string | null) => void;
}

/** Every change of rules, notifications, targets, modules, devices and settings, with what differs and the way back. */
export function ChangesPage({ kind, selectedId, onKind, onSelect }: Props) {
  const changes = useInfiniteQuery(changesQuery(kind));
  const shown = changes.data?.filter((event) => isOfKind(event, kind));
  const selected = shown?.find(({ id }) => id === selectedId) ?? null;
  const more = atEndOf(changes);
  // Of a page that was read, few or none may be of this kind: then nobody scrolls to its end.
  const few = more !== undefined && (shown?.length ?? 0) < ENOUGH;
  const read = changes.data?.length ?? 0;
  const next = useLatest(more);
  useEffect(() => {
    if (few && read > 0) next.current?.();
  }, [few, read, next]);
  const devices = useQuery(queries.devices).data;
  const columns = useMemo(() => columnsOf(devices ?? []), [devices]);
  return (
    <div className={page.page}>
      <AdminTabs />
      <header className={page.head}>
        <h1>{t("Configuration changes")}</h1>
        <div className={page.actions}>
          <div className={page.choice} role="group" aria-label={t("Kind")}>
            <button type="button" aria-pressed={kind === null} onClick={() => onKind(null)}>
              {t("All")}
            </button>
            {KINDS.map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={kind === each}
                onClick={() => onKind(each)}
              >
                {KIND_WORDS[each]}
              </button>
            ))}
          </div>
        </div>
      </header>
      <ListAndDetail
        query={changes}
        rows={shown}
        safe={t("The configuration itself is not affected.")}
        label={t("Configuration changes")}
        columns={columns}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={more}
        empty={
          <Empty icon={IconHistory} title={t("Nothing was changed yet")}>
            {t(
              "Each change of a rule, who is told, a target, a module, a device or a setting is told here, with the way back.",
            )}
          </Empty>
        }
        detail={
          selected && (
            <Change event={selected} devices={devices ?? []} onClose={() => onSelect(null)} />
          )
        }
      />
    </div>
  );
}

function Change({
  event,
  devices,
  onClose,
}: {
  event: JournalEvent;
  devices: Device[];
  onClose: () => void;
}) {
  const name = nameOf(event, devices);
  return (
    <aside className={page.detail} aria-label={t("Change of {name}", { name })}>
      <DetailHead
        title={`${capitalised(kindOf(event) ?? "")} ${name}: ${verbOf(event)}`}
        about={t("{time} by {actorWords}", {
          time: dayAndClock(event.time),
          actorWords: actorWords(event.actor),
        })}
        onClose={onClose}
      />
      {detailOf(event) && <p className={page.reason}>{detailOf(event)}</p>}
      <DetailSection title={t("All versions, and the way back")}>
        <History key={event.subject} event={event} />
      </DetailSection>
    </aside>
  );
}

function History({ event }: { event: JournalEvent }) {
  const kind = kindOf(event);
  if (event.type === "rule.reordered") return <RuleOrder event={event} />;
  if (event.type === "device.schema_changed") return <OfSchema event={event} />;
  if (kind === "rule") return <OfRule name={event.subject} />;
  if (kind === "target") return <OfTarget name={event.subject} />;
  if (kind === "module") return <OfModule name={event.subject} />;
  if (kind === "settings") return <SettingsHistory program={nameOf(event)} />;
  return <OfDevice id={event.subject} />;
}

const GONE = t("It is deleted by now.");

function OfRule({ name }: { name: string }) {
  const rules = useQuery(routingQueries.rules);
  return (
    <QueryView query={rules} rows={3} safe={t("The rules decide as before.")}>
      {(all) => {
        const rule = all.find((each) => each.name === name);
        return rule ? <RuleHistory rule={rule} /> : <DeletedRuleHistory name={name} />;
      }}
    </QueryView>
  );
}

function OfTarget({ name }: { name: string }) {
  const targets = useQuery(routingQueries.targets);
  return (
    <QueryView query={targets} rows={3} safe={t("Images are sent as before.")}>
      {(all) => {
        const target = all.find((each) => each.name === name);
        return target ? <TargetHistory target={target} /> : <p className="dim">{GONE}</p>;
      }}
    </QueryView>
  );
}

function OfModule({ name }: { name: string }) {
  const modules = useQuery(moduleQueries.modules);
  return (
    <QueryView query={modules} rows={3} safe={t("Cases are processed as before.")}>
      {(all) => {
        const module = all.find((each) => each.name === name);
        return module ? <ModuleHistory module={module} /> : <p className="dim">{GONE}</p>;
      }}
    </QueryView>
  );
}

function OfDevice({ id }: { id: string }) {
  const devices = useQuery(queries.devices);
  return (
    <QueryView query={devices} rows={3} safe={t("The scanners themselves are not affected.")}>
      {(all) => {
        const device = all.find((each) => each.id === id);
        return device ? <DeviceParameters device={device} /> : <p className="dim">{GONE}</p>;
      }}
    </QueryView>
  );
}

/** It has no versions to go back to; the parameters that it is about have. */
function OfSchema({ event }: { event: JournalEvent }) {
  const devices = useQuery(queries.devices);
  const type = nameOf(event);
  return (
    <QueryView query={devices} rows={2} safe={t("The scanners themselves are not affected.")}>
      {(all) => {
        const concerned = all.filter(({ device_type }) => device_type === type);
        return (
          <>
            <p className="dim">
              {t(
                "A schema has no versions: it says what the parameters of devices of type {type} have to be.",
                { type },
              )}
              {concerned.length === 0 && <> {t("No device here is of this type.")}</>}
            </p>
            {concerned.map(({ id, name }) => (
              <Link key={id} to="/devices" search={{ id, tab: "parameters" }}>
                {t("Parameters of {name}", { name })}
              </Link>
            ))}
          </>
        );
      }}
    </QueryView>
  );
}

function DeviceParameters({ device }: { device: Device }) {
  const schema = schemaOf(device, useQuery(queries.parameterSchemas).data ?? []);
  return (
    <>
      <Link to="/devices" search={{ id: device.id }}>
        {device.name}
      </Link>
      <ParameterHistory device={device} fields={schema ? fieldsOf(schema.document) : []} />
    </>
  );
}

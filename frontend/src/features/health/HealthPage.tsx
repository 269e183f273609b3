import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { HealthDetail, HealthPart, ServiceState } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { stream } from "../../app";
import { t } from "../../i18n";
import { Bar } from "../../shared/Bar";
import { capitalised, clock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { HealthTabs } from "../../shared/SubNav";
import { HEALTH } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { useStore } from "../../shared/store";
import { freeShare, groupsOf, headline } from "./health";
import css from "./health.module.css";

/** How it goes: services, queues, targets, listeners, disks, certificates. */
export function HealthPage() {
  const health = useQuery(routingQueries.health);
  const services = useQuery(routingQueries.services);
  const { kind } = useStore(stream);
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>{t("Health")}</h1>
        {health.data && <Summary detail={health.data} services={services.data ?? []} />}
        <p className={`dim live-number ${css.seen}`}>
          {health.dataUpdatedAt > 0 &&
            `${kind === "live" ? t("As of") : t("Not live: as of")} ${clock(health.dataUpdatedAt)}`}
        </p>
      </header>
      <div className={css.groups}>
        <div className={css.columns}>
          <QueryView query={services} rows={3} safe={t("Scans and images are not affected.")}>
            {(all) => <Group title={t("Services")} parts={all.map(servicePart)} />}
          </QueryView>
          <QueryView query={health} rows={6} safe={t("Images are received and sent all the same.")}>
            {(detail) =>
              groupsOf(detail.parts).map(({ title, parts }) => (
                <Group key={title} title={title} parts={parts} />
              ))
            }
          </QueryView>
        </div>
      </div>
    </div>
  );
}

function Summary({ detail, services }: { detail: HealthDetail; services: ServiceState[] }) {
  const broken = services.some(({ problem }) => problem !== null);
  return (
    <div role="status" className={css.summary}>
      <StatusBadge look={HEALTH[broken ? "failing" : detail.state]} />
      <span>{headline(detail.parts, services)}</span>
    </div>
  );
}

/** A service as a part like the others. */
const servicePart = ({ name, problem }: ServiceState): HealthPart => ({
  kind: "queue",
  name,
  state: problem === null ? "ok" : "failing",
  detail: problem ?? t("It works."),
  numbers: {},
});

function Group({ title, parts }: { title: string; parts: HealthPart[] }) {
  return (
    <section className={css.group} aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {parts.map((part) => (
          <li key={part.name} data-state={part.state}>
            <StatusBadge look={HEALTH[part.state]} />
            <div className={css.part}>
              <strong>
                <Name part={part} title={title} />
              </strong>
              <span>
                {part.detail}{" "}
                {part.kind === "disk" && <Link to="/cleaning">{t("What goes when")}</Link>}
              </span>
              <Disk part={part} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What it is called; where more of it is to see, the way there. */
function Name({ part: { name, numbers }, title }: { part: HealthPart; title: string }) {
  const words = title === t("Targets") ? name : capitalised(name);
  if (title === t("Targets")) {
    return (
      <Link to="/targets" search={{ id: name }}>
        {words}
      </Link>
    );
  }
  if (title === "Queues" && name === "cases") {
    return (
      <Link to="/cases" search={numbers?.failed ? { state: "failed" } : {}}>
        {words}
      </Link>
    );
  }
  if (title === "Queues" && name === "dispatch") return <Link to="/queue">{words}</Link>;
  if (title === "Queues" && name === "notifications") {
    return <Link to="/notifications">{words}</Link>;
  }
  return words;
}

const BAR = { ok: undefined, warning: "warn", failing: "fault" } as const;

/** How full a disk is. */
function Disk({ part }: { part: HealthPart }) {
  const free = freeShare(part);
  if (free === null) return null;
  return <Bar parts={[{ share: 1 - free, look: BAR[part.state] }]} />;
}

import { Button } from "@mantine/core";
import { IconPlus, IconSend } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import type { HealthPart, Rule, Target } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { plural, t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayAdminister } from "../../shared/roles";
import { RoutingTabs } from "../../shared/SubNav";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { addressOf, partOf, rulesOf, targetLook, TYPES } from "./target";
import { TargetDetail } from "./TargetDetail";

const TargetModal = lazy(() => import("./TargetModal"));

interface Row {
  target: Target;
  part: HealthPart | undefined;
  rules: Rule[];
}

const COLUMNS: Column<Row>[] = [
  {
    key: "name",
    head: t("Name"),
    width: "minmax(140px, 1.2fr)",
    cell: ({ target }) => <strong>{target.name}</strong>,
  },
  {
    key: "state",
    head: t("State"),
    width: "104px",
    cell: ({ target, part }) => <StatusBadge look={targetLook(target, part)} />,
  },
  {
    key: "type",
    head: t("Type"),
    width: "120px",
    cell: ({ target }) => TYPES[target.target_type].name,
  },
  {
    key: "address",
    head: t("Where"),
    width: "minmax(160px, 2fr)",
    optional: true,
    cell: ({ target }) => <span title={addressOf(target)}>{addressOf(target)}</span>,
  },
  {
    key: "open",
    head: t("On the way"),
    width: "92px",
    cell: ({ part }) =>
      part ? (
        <span className="live-number">
          {plural(part.numbers?.open ?? 0, "{n} series", "{n} series")}
        </span>
      ) : (
        <span className="dim">–</span>
      ),
  },
  {
    key: "rules",
    head: t("Used by"),
    width: "92px",
    optional: true,
    cell: ({ rules }) =>
      rules.length === 0 ? (
        <span className="dim">{t("no rule")}</span>
      ) : (
        plural(rules.length, "{n} rule", "{n} rules")
      ),
  },
];

interface Props {
  filter: string;
  selected: string | null;
  onFilter: (filter: string) => void;
  onSelect: (name: string | null) => void;
}

export function TargetsPage({ filter, selected, onFilter, onSelect }: Props) {
  const targets = useQuery(routingQueries.targets);
  const parts = useQuery(routingQueries.health).data?.parts;
  const rules = useQuery(routingQueries.rules).data ?? [];
  const [adding, setAdding] = useState(false);
  const mayNot = useMayAdminister();
  const rowOf = (target: Target): Row => ({
    target,
    part: partOf(parts, "target", target.name),
    rules: rulesOf(rules, target.name),
  });
  const shown = targets.data?.find(({ name }) => name === selected) ?? null;
  const add = (
    <Button
      leftSection={<IconPlus size={16} />}
      {...guarded(mayNot)}
      onClick={() => setAdding(true)}
    >
      {t("Add target")}
    </Button>
  );
  return (
    <div className={page.page}>
      <RoutingTabs />
      <PageHead
        title={t("Targets")}
        filter={filter}
        placeholder={t("Filter by name, type, address")}
        onFilter={onFilter}
      >
        {add}
      </PageHead>
      <ListAndDetail
        query={targets}
        rows={targets.data?.filter((target) => containsWords(wordsOf(target), filter)).map(rowOf)}
        safe={t("Images wait and are sent later.")}
        label={t("Targets")}
        columns={COLUMNS}
        rowId={({ target }) => target.name}
        selectedId={selected}
        onSelect={onSelect}
        empty={
          <Empty
            icon={IconSend}
            title={filter ? t("Nothing matches “{filter}”", { filter }) : t("No targets yet")}
          >
            {filter
              ? t("Clear the filter to see all targets.")
              : t(
                  "Add where images are sent to: a PACS, a folder, an XNAT project. Rules then say which images go there.",
                )}
          </Empty>
        }
        detail={
          shown && (
            <TargetDetail key={shown.name} {...rowOf(shown)} onClose={() => onSelect(null)} />
          )
        }
      />
      <Suspense>
        {adding && (
          <TargetModal target={null} onClose={() => setAdding(false)} onSaved={onSelect} />
        )}
      </Suspense>
    </div>
  );
}

function wordsOf(target: Target) {
  const { name, contact, comment, target_type: type } = target;
  return [name, TYPES[type].name, addressOf(target), contact, comment];
}

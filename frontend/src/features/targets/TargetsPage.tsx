import { Button } from "@mantine/core";
import { IconPlus, IconSend } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import type { HealthPart, Rule, Target } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import type { Column } from "../../shared/DataTable";
import { counted } from "../../shared/format";
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
    head: "Name",
    width: "minmax(140px, 1.2fr)",
    cell: ({ target }) => <strong>{target.name}</strong>,
  },
  {
    key: "state",
    head: "State",
    width: "104px",
    cell: ({ target, part }) => <StatusBadge look={targetLook(target, part)} />,
  },
  {
    key: "type",
    head: "Type",
    width: "120px",
    cell: ({ target }) => TYPES[target.target_type].name,
  },
  {
    key: "address",
    head: "Where",
    width: "minmax(160px, 2fr)",
    optional: true,
    cell: ({ target }) => <span title={addressOf(target)}>{addressOf(target)}</span>,
  },
  {
    key: "open",
    head: "On the way",
    width: "92px",
    cell: ({ part }) =>
      part ? (
        <span className="live-number">{part.numbers?.open ?? 0} series</span>
      ) : (
        <span className="dim">–</span>
      ),
  },
  {
    key: "rules",
    head: "Used by",
    width: "92px",
    optional: true,
    cell: ({ rules }) =>
      rules.length === 0 ? <span className="dim">no rule</span> : counted(rules.length, "rule"),
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
      Add target
    </Button>
  );
  return (
    <div className={page.page}>
      <RoutingTabs />
      <PageHead
        title="Targets"
        filter={filter}
        placeholder="Filter by name, type, address"
        onFilter={onFilter}
      >
        {add}
      </PageHead>
      <ListAndDetail
        query={targets}
        rows={targets.data?.filter((target) => containsWords(wordsOf(target), filter)).map(rowOf)}
        safe="Images wait and are sent later."
        label="Targets"
        columns={COLUMNS}
        rowId={({ target }) => target.name}
        selectedId={selected}
        onSelect={onSelect}
        empty={
          <Empty icon={IconSend} title={filter ? `Nothing matches “${filter}”` : "No targets yet"}>
            {filter
              ? "Clear the filter to see all targets."
              : "Add where images are sent to: a PACS, a folder, an XNAT project. Rules then say which images go there."}
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

import { Button } from "@mantine/core";
import { IconPlus, IconRoute } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

import type { Rule } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayAdminister } from "../../shared/roles";
import { RoutingTabs } from "../../shared/SubNav";
import { Empty, Loading, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { inShort, PRIORITIES, STATES, stateOf } from "./rule";
import { RuleDetail } from "./RuleDetail";
import css from "./rules.module.css";

const RuleEditor = lazy(() => import("./RuleEditor"));

const COLUMNS: Column<Rule>[] = [
  {
    key: "order",
    head: "#",
    width: "24px",
    cell: ({ position }) => <span className="dim live-number">{position + 1}</span>,
  },
  {
    key: "name",
    head: t("Name"),
    width: "minmax(140px, 1.2fr)",
    cell: ({ name, fallback }) => (
      <>
        <strong title={name}>{name}</strong>
        {fallback && <span className={css.mark}>{t("fallback")}</span>}
      </>
    ),
  },
  {
    key: "state",
    head: t("State"),
    width: "92px",
    cell: (rule) => <StatusBadge look={STATES[stateOf(rule)].look} />,
  },
  {
    key: "does",
    head: t("Does"),
    width: "minmax(150px, 1.6fr)",
    cell: (rule) => <span title={inShort(rule)}>{inShort(rule)}</span>,
  },
  {
    key: "when",
    head: t("When"),
    width: "minmax(160px, 2fr)",
    optional: true,
    cell: ({ rule }) => (
      <code className={css.oneLine} title={rule}>
        {rule}
      </code>
    ),
  },
  {
    key: "priority",
    head: t("Priority"),
    width: "88px",
    optional: true,
    cell: ({ priority }) =>
      priority === "normal" ? <span className="dim">{t("Normal")}</span> : PRIORITIES[priority],
  },
  {
    key: "fired",
    head: t("Last fired"),
    width: "92px",
    cell: ({ last_fired_at }) =>
      last_fired_at ? (
        <span className="live-number">{dayOrClock(last_fired_at)}</span>
      ) : (
        <span className="dim">{t("never")}</span>
      ),
  },
];

export interface Editing {
  /** Null: a new rule. */
  name: string | null;
}

interface Props {
  filter: string;
  selected: string | null;
  editing: Editing | null;
  onFilter: (filter: string) => void;
  onSelect: (name: string | null) => void;
  onEdit: (editing: Editing | null, selected?: string) => void;
}

/** Where images go, in the order in which it is asked. */
export function RulesPage({ filter, selected, editing, onFilter, onSelect, onEdit }: Props) {
  const rules = useQuery(routingQueries.rules);
  const mayNot = useMayAdminister();
  if (editing) {
    return (
      <QueryView query={rules} rows={8} safe={t("The rules in force decide as before.")}>
        {(all) => {
          const first = all.find(({ name }) => name === editing.name) ?? null;
          if (editing.name !== null && !first) {
            return <Gone name={editing.name} onBack={() => onEdit(null)} />;
          }
          return (
            <Suspense fallback={<Loading rows={8} />}>
              <RuleEditor
                key={editing.name}
                first={first}
                onClose={(saved) => onEdit(null, saved ?? editing.name ?? undefined)}
              />
            </Suspense>
          );
        }}
      </QueryView>
    );
  }
  const shown = rules.data?.find(({ name }) => name === selected) ?? null;
  return (
    <div className={page.page}>
      <RoutingTabs />
      <PageHead
        title={t("Rules")}
        filter={filter}
        placeholder={t("Filter by name, condition, target")}
        onFilter={onFilter}
      >
        <Button
          leftSection={<IconPlus size={16} />}
          {...guarded(mayNot)}
          onClick={() => onEdit({ name: null })}
        >
          {t("New rule")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={rules}
        rows={rules.data?.filter((rule) => containsWords(wordsOf(rule), filter))}
        safe={t("The rules in force decide as before.")}
        label={t("Rules")}
        columns={COLUMNS}
        rowId={({ name }) => name}
        selectedId={selected}
        onSelect={onSelect}
        empty={
          filter ? (
            <Empty icon={IconRoute} title={t("Nothing matches “{filter}”", { filter })}>
              {t("Clear the filter to see all rules.")}
            </Empty>
          ) : (
            <Empty
              icon={IconRoute}
              title={t("No rules yet")}
              action={
                <Button variant="default" renderRoot={(root) => <Link to="/targets" {...root} />}>
                  {t("Add a target")}
                </Button>
              }
            >
              {t(
                "Without rules, images of our own scans go to every target that is enabled, and images that are received go nowhere. Add a target first, then a rule that says which images go there.",
              )}
            </Empty>
          )
        }
        detail={
          shown && (
            <RuleDetail
              key={shown.name}
              rule={shown}
              all={rules.data ?? []}
              onEdit={() => onEdit({ name: shown.name })}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
    </div>
  );
}

function Gone({ name, onBack }: { name: string; onBack: () => void }) {
  return (
    <Empty
      icon={IconRoute}
      title={t("There is no rule {name}", { name })}
      action={
        <Button variant="default" onClick={onBack}>
          {t("All rules")}
        </Button>
      }
    >
      {t("It was deleted, or never was.")}
    </Empty>
  );
}

function wordsOf({ name, rule, target, comment, contact, tags }: Rule) {
  return [name, rule, ...target, comment, contact, tags];
}

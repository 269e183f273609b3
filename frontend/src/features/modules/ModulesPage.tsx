import { Button } from "@mantine/core";
import { IconCpu, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { moduleQueries } from "../../api/moduleQueries";
import type { Module } from "../../api/modules";
import type { Rule } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { plural, t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayAdminister } from "../../shared/roles";
import { RoutingTabs } from "../../shared/SubNav";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { moduleLook, rulesWith, RUNNERS, sourceOf } from "./module";
import { ModuleDetail } from "./ModuleDetail";

const ModuleModal = lazy(() => import("./ModuleModal"));

interface Row {
  module: Module;
  rules: Rule[];
}

const COLUMNS: Column<Row>[] = [
  {
    key: "name",
    head: t("Name"),
    width: "minmax(140px, 1.2fr)",
    cell: ({ module }) => <strong>{module.name}</strong>,
  },
  {
    key: "state",
    head: t("State"),
    width: "116px",
    cell: ({ module }) => <StatusBadge look={moduleLook(module)} />,
  },
  {
    key: "runner",
    head: t("Runs as"),
    width: "92px",
    cell: ({ module }) => RUNNERS[module.runner].name,
  },
  {
    key: "source",
    head: t("What runs"),
    width: "minmax(140px, 1.6fr)",
    cell: ({ module }) => <span className="mono">{sourceOf(module)}</span>,
  },
  {
    key: "why",
    head: t("Why"),
    width: "minmax(140px, 2fr)",
    optional: true,
    cell: ({ module: { problems = [], comment } }) =>
      problems.length > 0 ? problems.join(" ") : <span className="dim">{comment}</span>,
  },
  {
    key: "rules",
    head: t("Used by"),
    width: "92px",
    cell: ({ rules }) =>
      rules.length === 0 ? (
        <span className="dim">{t("no rule")}</span>
      ) : (
        plural(rules.length, "{n} rule", "{n} rules")
      ),
  },
  {
    key: "changed",
    head: t("Changed"),
    width: "124px",
    optional: true,
    cell: ({ module }) => (
      <span className="live-number">{dayAndClock(module.updated_at ?? module.created_at)}</span>
    ),
  },
];

interface Props {
  filter: string;
  selected: string | null;
  onFilter: (filter: string) => void;
  onSelect: (name: string | null) => void;
}

/** What computes images from images, and whether it can run here. */
export function ModulesPage({ filter, selected, onFilter, onSelect }: Props) {
  const modules = useQuery(moduleQueries.modules);
  const rules = useQuery(routingQueries.rules).data ?? [];
  const parts = useQuery(routingQueries.health).data?.parts;
  const runtime = parts?.find(({ kind, name }) => kind === "runtime" && name === "modules");
  const [adding, setAdding] = useState(false);
  const mayNot = useMayAdminister();
  const rowOf = (module: Module): Row => ({ module, rules: rulesWith(rules, module.name) });
  const shown = modules.data?.find(({ name }) => name === selected) ?? null;
  return (
    <div className={page.page}>
      <RoutingTabs />
      <PageHead
        title={t("Modules")}
        filter={filter}
        placeholder={t("Filter by name, image, file")}
        onFilter={onFilter}
      >
        <Button
          leftSection={<IconPlus size={16} />}
          {...guarded(mayNot)}
          onClick={() => setAdding(true)}
        >
          {t("Add module")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={modules}
        rows={modules.data?.filter((module) => containsWords(wordsOf(module), filter)).map(rowOf)}
        safe={t("Cases are processed as before.")}
        label={t("Modules")}
        columns={COLUMNS}
        rowId={({ module }) => module.name}
        selectedId={selected}
        onSelect={onSelect}
        note={
          runtime && (
            <p className={page.note}>
              {runtime.detail}
              {runtime.numbers?.slots !== undefined &&
                t(" {modules} at the same time.", {
                  modules: plural(runtime.numbers.slots, "{n} module", "{n} modules"),
                })}
            </p>
          )
        }
        empty={
          <Empty
            icon={IconCpu}
            title={filter ? t("Nothing matches “{filter}”", { filter }) : t("No modules yet")}
          >
            {filter
              ? t("Clear the filter to see all modules.")
              : t(
                  "A module computes images from images: a container, or a Python file on the server. Rules then say which images it gets.",
                )}
          </Empty>
        }
        detail={
          shown && (
            <ModuleDetail key={shown.name} {...rowOf(shown)} onClose={() => onSelect(null)} />
          )
        }
      />
      <Suspense>
        {adding && (
          <ModuleModal module={null} onClose={() => setAdding(false)} onSaved={onSelect} />
        )}
      </Suspense>
    </div>
  );
}

const wordsOf = (module: Module) => {
  const { name, comment, contact } = module;
  return [name, RUNNERS[module.runner].name, sourceOf(module), comment, contact];
};

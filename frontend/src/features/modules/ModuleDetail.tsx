import { Button } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconPencil,
  IconTestPipe,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { moduleKeys } from "../../api/moduleQueries";
import { deleteModule, type Module, type ModuleTest, testModule } from "../../api/modules";
import type { Rule } from "../../api/routing";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import page from "../../shared/page.module.css";
import { guarded, useMayAdminister, useMayTryOut } from "../../shared/roles";
import { ErrorLine, Reasons } from "../../shared/states";
import { Kept } from "./Kept";
import { allFields, moduleLook, RUNNERS, settingWords } from "./module";
import { ModuleHistory } from "./ModuleHistory";
import css from "./modules.module.css";

const NOTHING_AGAINST: Record<Module["runner"], string> = {
  container: t("Nothing speaks against it. Whether its image is here, the test says."),
  process: t("Nothing speaks against it. Whether its file is here, the test says."),
  job: t("Nothing speaks against it. Whether its job is here, the test says."),
};

const ModuleModal = lazy(() => import("./ModuleModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

interface Props {
  module: Module;
  rules: Rule[];
  onClose: () => void;
}

/** Everything about one processing module. */
export function ModuleDetail({ module, rules, onClose }: Props) {
  const client = useQueryClient();
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const mayNot = useMayAdminister();
  const remove = async () => {
    await deleteModule(module.name, module.version);
    onClose();
    await client.invalidateQueries({ queryKey: moduleKeys.modules });
  };
  return (
    <aside className={page.detail} aria-label={t("Module {module}", { module: module.name })}>
      <DetailHead
        title={module.name}
        about={module.comment || RUNNERS[module.runner].about}
        look={moduleLook(module)}
        onClose={onClose}
      />
      <Fitness module={module} />
      <DetailSection title={t("Settings")}>
        <Settings module={module} />
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            {...guarded(mayNot)}
            onClick={() => setOpen("edit")}
          >
            {t("Edit")}
          </Button>
          <Button
            variant="default"
            leftSection={<IconTrash size={16} />}
            disabled={mayNot !== null || rules.length > 0}
            title={mayNot ?? (rules.length > 0 ? t("Rules name it: see below") : undefined)}
            onClick={() => setOpen("delete")}
          >
            {t("Delete")}
          </Button>
        </div>
      </DetailSection>
      <Kept module={module} />
      <UsedBy rules={rules} />
      <DetailSection title={t("History")}>
        <ModuleHistory module={module} />
      </DetailSection>
      <Suspense>
        {open === "edit" && <ModuleModal module={module} onClose={() => setOpen(null)} />}
        {open === "delete" && (
          <ConfirmModal
            title={t("Delete {module}", { module: module.name })}
            action={t("Delete module")}
            run={remove}
            onClose={() => setOpen(null)}
          >
            <p>
              {t(
                "No rule can name it any more, and its variables are deleted. A case that it processes now ends as it would; what it has made stays, and so do its versions.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </aside>
  );
}

/** Whether it can run here: as far as is known by itself, and in full when it is asked. */
function Fitness({ module }: { module: Module }) {
  const mayNot = useMayTryOut();
  const test = useMutation({ mutationFn: (_version: number) => testModule(module.name) });
  // What was found of older settings says nothing of these.
  const found = test.variables === module.version ? test.data : undefined;
  const problems = module.problems ?? [];
  return (
    <DetailSection title={t("Can it run here?")}>
      {!found &&
        (problems.length > 0 ? (
          <div className={css.found} data-fault>
            <strong>{t("It cannot run on this server as it is.")}</strong>
            <Reasons reasons={problems} />
          </div>
        ) : (
          <p className="dim">{NOTHING_AGAINST[module.runner]}</p>
        ))}
      {found && <Found found={found} />}
      <div className={page.buttons}>
        <Button
          variant="default"
          leftSection={<IconTestPipe size={16} />}
          {...guarded(mayNot)}
          loading={test.isPending}
          onClick={() => test.mutate(module.version)}
        >
          {t("Test")}
        </Button>
      </div>
      <ErrorLine error={test.error} />
    </DetailSection>
  );
}

function Found({ found }: { found: ModuleTest }) {
  const Icon = found.ok ? IconCircleCheck : IconAlertTriangle;
  return (
    <div
      role="status"
      aria-label={t("What came of the test")}
      className={css.found}
      data-fault={!found.ok || undefined}
    >
      <strong className={page.line}>
        <Icon
          size={18}
          color={found.ok ? "var(--status-done)" : "var(--status-fault)"}
          aria-hidden
        />
        {found.ok
          ? t("It can run here, by {runtime}.", { runtime: found.runtime })
          : t("It cannot run here.")}
      </strong>
      <Reasons reasons={found.problems} />
      {(found.notes?.length ?? 0) > 0 && (
        <div className="dim">
          <Reasons reasons={found.notes ?? []} />
        </div>
      )}
    </div>
  );
}

function UsedBy({ rules }: { rules: Rule[] }) {
  return (
    <DetailSection title={t("Used by")}>
      {rules.length === 0 ? (
        <p className="dim">{t("No rule names it.")}</p>
      ) : (
        <>
          <ul className={css.rules}>
            {rules.map(({ name, disabled }) => (
              <li key={name}>
                <Link to="/rules" search={{ id: name }}>
                  {name}
                </Link>
                {disabled && <span className="dim"> {t("(off)")}</span>}
              </li>
            ))}
          </ul>
          <p className="dim">{t("It can be deleted once no rule names it.")}</p>
        </>
      )}
    </DetailSection>
  );
}

function Settings({ module }: { module: Module }) {
  const values = module as unknown as Record<string, unknown>;
  const shown = allFields(module.runner).filter(({ name }) => !saysNothing(values[name]));
  return (
    <dl className={page.facts}>
      <dt>{t("Runs as")}</dt>
      <dd>{RUNNERS[module.runner].name}</dd>
      {shown.map(({ name, label, kind }) => (
        <div key={name} className={page.fact}>
          <dt>{label}</dt>
          <dd>
            {kind === "json" ? (
              <pre className={css.value}>{JSON.stringify(values[name], null, 2)}</pre>
            ) : (
              settingWords(name, values[name])
            )}
          </dd>
        </div>
      ))}
      <dt>{t("Variables")}</dt>
      <dd>
        {module.environment.length > 0 ? (
          <>
            <span className="mono">{module.environment.join(", ")}</span>
            <span className="dim"> {t("set, not shown")}</span>
          </>
        ) : (
          <span className="dim">{t("none")}</span>
        )}
      </dd>
    </dl>
  );
}

function saysNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

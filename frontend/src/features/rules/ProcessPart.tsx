import { ActionIcon, Checkbox, Select } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { moduleQueries } from "../../api/moduleQueries";
import type { Module } from "../../api/modules";
import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { JsonInput } from "../../shared/JsonInput";
import { valueInWords } from "../../shared/schema/words";
import {
  isEach,
  settingsAt,
  told,
  withModule,
  withMoved,
  withoutModule,
  withSettings,
} from "./chain";
import { HoursInput } from "./HoursInput";
import { GateChoice, ReviewChoice } from "./ReviewChoice";
import { Choice, Part, type PartProps } from "./RulePart";
import css from "./rules.module.css";

interface Props extends PartProps {
  /** What is typed and cannot be read, by its field; null: it can. */
  onUnreadable: (field: string, problem: string | null) => void;
}

/** What is computed of the images before they go on: modules in their order. */
export function ProcessPart(props: Props) {
  const { draft, problems, readOnly, onChange } = props;
  const modules = useQuery(moduleQueries.modules).data;
  const chain = draft.processing_module ?? [];
  const each = isEach(draft);
  return (
    <Part title={t("Process")} about={t("by modules, one after the other")}>
      {modules?.length === 0 && (
        <p className="dim">
          {rich("There are no modules yet: <a>add one first</a>.", {
            a: <Link to="/modules" />,
          })}
        </p>
      )}
      {chain.length > 0 && (
        <ol className={css.chain} aria-label={t("Modules of the rule")}>
          {chain.map((name, at) => (
            // The same module may be there twice.
            // oxlint-disable-next-line react/no-array-index-key
            <li key={`${at} ${name}`}>
              <ModuleLine {...props} name={name} at={at} modules={modules} />
              {each && (
                <JsonInput
                  label={t("Settings of {name}", { name })}
                  description={ownWords(modules, name)}
                  value={settingsAt(draft, at)}
                  readOnly={readOnly}
                  onChange={(settings) => onChange(withSettings(draft, at, settings))}
                  onProblem={(problem) => props.onUnreadable(t("settings {at}", { at }), problem)}
                />
              )}
              {at < chain.length - 1 && <GateChoice {...props} at={at} />}
            </li>
          ))}
        </ol>
      )}
      {!readOnly && (
        <Select
          label={chain.length === 0 ? t("Module") : t("Then")}
          placeholder={t("Add a module")}
          searchable
          value={null}
          error={problems.processing_module}
          data={(modules ?? []).map(({ name }) => name)}
          onChange={(name) => name && onChange(withModule(draft, name))}
        />
      )}
      {chain.length > 1 && (
        <Choice
          label={t("Settings")}
          value={each ? "each" : "all"}
          choices={[
            ["all", t("The same for all")],
            ["each", t("One for each")],
          ]}
          readOnly={readOnly}
          onPick={(choice) => onChange(told(draft, choice === "each"))}
        />
      )}
      {chain.length > 0 && !each && (
        <JsonInput
          label={t("Settings of the rule")}
          description={
            chain.length === 1
              ? ownWords(modules, chain[0] ?? "")
              : t("Laid over the settings of each module")
          }
          value={settingsAt(draft, 0)}
          readOnly={readOnly}
          error={problems.processing_settings}
          onChange={(settings) => onChange(withSettings(draft, 0, settings))}
          onProblem={(problem) => props.onUnreadable("settings", problem)}
        />
      )}
      <Checkbox
        label={t("The original images go on, too")}
        disabled={readOnly}
        checked={draft.processing_retain_images ?? false}
        onChange={(event) => onChange({ processing_retain_images: event.currentTarget.checked })}
      />
      <HoursInput
        // Another document came from elsewhere: it is what is typed now.
        key={draft.processing_deadline_s ?? "none"}
        label={t("Modules are done within")}
        description={t(
          "What is not done then, waiting included, ends as timed out. Empty: no deadline",
        )}
        value={draft.processing_deadline_s ?? null}
        readOnly={readOnly}
        error={problems.processing_deadline_s}
        onChange={(processing_deadline_s) => onChange({ processing_deadline_s })}
      />
      <ReviewChoice {...props} />
      <Choosing {...props} />
    </Part>
  );
}

function ownWords(modules: Module[] | undefined, name: string): string {
  const own = Object.entries(modules?.find((one) => one.name === name)?.settings ?? {});
  if (own.length === 0) return t("Laid over those of the module, which has none of its own");
  const words = own.map(([key, value]) => `${key}: ${valueInWords(value)}`).join(", ");
  return t("Laid over those of the module: {words}", { words });
}

interface LineProps extends PartProps {
  name: string;
  at: number;
  modules: Module[] | undefined;
}

function ModuleLine({ draft, readOnly, onChange, name, at, modules }: LineProps) {
  const last = (draft.processing_module ?? []).length - 1;
  const found = modules?.find((module) => module.name === name);
  const note = !modules
    ? null
    : !found
      ? t("there is none of this name")
      : (found.problems ?? []).length > 0
        ? t("cannot run here")
        : null;
  const moves = [
    { by: -1, icon: IconArrowUp, label: t("{name} earlier", { name }), off: at === 0 },
    { by: 1, icon: IconArrowDown, label: t("{name} later", { name }), off: at === last },
  ] as const;
  return (
    <div className={css.chainLine}>
      <span className="dim live-number">{at + 1}</span>
      <Link to="/modules" search={{ id: name }} className={css.chainName}>
        {name}
      </Link>
      {note && <span className={css.flaw}>{note}</span>}
      {!readOnly && (
        <span className={css.chainEnd}>
          {moves.map(({ by, icon: Icon, label, off }) => (
            <ActionIcon
              key={by}
              variant="subtle"
              color="gray"
              size={40}
              aria-label={label}
              disabled={off}
              onClick={() => onChange(withMoved(draft, at, by))}
            >
              <Icon size={16} aria-hidden />
            </ActionIcon>
          ))}
          <ActionIcon
            variant="subtle"
            color="gray"
            size={40}
            aria-label={t("Take out {name}", { name })}
            onClick={() => onChange(withoutModule(draft, at))}
          >
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </span>
      )}
    </div>
  );
}

/** Whether the last module says where the images go. */
function Choosing({ draft, problems, readOnly, onChange }: PartProps) {
  const targets = useQuery(routingQueries.targets).data ?? [];
  const allowed = draft.dynamic_routing_allowed_targets ?? [];
  const other = draft.conditional_alternate_target ?? "";
  const names = [...new Set([...targets.map(({ name }) => name), ...allowed])];
  return (
    <>
      <Checkbox
        label={t("The last module may choose the targets")}
        description={t("By __mercure_routing in its result.json; else those of the rule count")}
        disabled={readOnly}
        checked={draft.dynamic_routing ?? false}
        onChange={(event) => onChange({ dynamic_routing: event.currentTarget.checked })}
      />
      {draft.dynamic_routing && (
        <div className={css.preview}>
          <fieldset className={css.targets} disabled={readOnly}>
            <legend>{t("Among these; without a choice, among all")}</legend>
            {names.map((name) => (
              <Checkbox
                key={name}
                label={name}
                checked={allowed.includes(name)}
                onChange={(event) =>
                  onChange({
                    dynamic_routing_allowed_targets: event.currentTarget.checked
                      ? [...allowed, name]
                      : allowed.filter((one) => one !== name),
                  })
                }
              />
            ))}
            {problems.dynamic_routing_allowed_targets && (
              <p className={css.flaw}>{problems.dynamic_routing_allowed_targets}</p>
            )}
          </fieldset>
          <Select
            label={t("Other target")}
            description={t("Where they go when the module asks for it (use_alternate_target)")}
            inputWrapperOrder={["label", "input", "error", "description"]}
            placeholder={t("None")}
            clearable
            disabled={readOnly}
            value={other || null}
            error={problems.conditional_alternate_target}
            data={[...new Set([...targets.map(({ name }) => name), ...(other ? [other] : [])])]}
            onChange={(name) => onChange({ conditional_alternate_target: name ?? "" })}
          />
        </div>
      )}
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type ProgramSettings, type Setting, settingsQuery } from "../../api/settings";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, QueryView } from "../../shared/states";
import { AdminTabs } from "../../shared/SubNav";
import { containsWords } from "../worklist/worklist";
import { SettingsHistory } from "./SettingsHistory";
import css from "./settings.module.css";

const SOURCES: Record<Setting["source"], string> = {
  environment: t("Environment"),
  file: t("File"),
  given: t("At the start"),
  default: t("Default"),
};

/** Of a setting: its value as one reads it. */
export function valueWords({ secret, is_set, value }: Setting): string {
  if (secret) return is_set ? t("set, not shown") : t("not set");
  if (value === null || value === undefined || value === "") return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

interface Props {
  filter: string;
  changedOnly: boolean;
  onFilter: (filter: string) => void;
  onChangedOnly: (changedOnly: boolean) => void;
}

/** What this installation is set to, from where, and what each setting means. */
export function SettingsPage({ filter, changedOnly, onFilter, onChangedOnly }: Props) {
  const settings = useQuery(settingsQuery);
  return (
    <div className={page.page}>
      <AdminTabs />
      <PageHead
        title={t("Settings")}
        filter={filter}
        placeholder={t("Filter by name or meaning")}
        onFilter={onFilter}
      >
        <div className={page.choice} role="group" aria-label={t("Which")}>
          <button type="button" aria-pressed={!changedOnly} onClick={() => onChangedOnly(false)}>
            {t("All")}
          </button>
          <button type="button" aria-pressed={changedOnly} onClick={() => onChangedOnly(true)}>
            {t("Not the default")}
          </button>
        </div>
      </PageHead>
      <QueryView query={settings} rows={10} safe={t("The settings themselves are not affected.")}>
        {(programs) => {
          const shown = programs
            .map((program) => ({
              ...program,
              settings: program.settings.filter(
                (setting) =>
                  (!changedOnly || setting.source !== "default") &&
                  containsWords([setting.variable, setting.description], filter),
              ),
            }))
            .filter((program) => program.settings.length > 0);
          return shown.length === 0 ? (
            <Empty title={t("No setting matches")}>
              {t("Clear the filter to see all settings.")}
            </Empty>
          ) : (
            // A scrolling region has to be reachable by keyboard.
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
            <div className={css.programs} tabIndex={0} role="region" aria-label={t("All settings")}>
              <p className="dim">
                {rich(
                  "They are read when a program starts: set the variable in its environment, or name a file with its value in the same variable with <code>_FILE</code> at its end, and start it again.",
                  { code: <code /> },
                )}
              </p>
              {shown.map((program) => (
                <Program key={program.title} {...program} />
              ))}
            </div>
          );
        }}
      </QueryView>
    </div>
  );
}

function Program({ title, history, settings }: ProgramSettings) {
  const [open, setOpen] = useState(false);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {history && (
        <details
          className={css.history}
          onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
        >
          <summary>{t("History")}</summary>
          {open && <SettingsHistory program={history} />}
        </details>
      )}
      <table className={css.settings}>
        <thead>
          <tr>
            <th scope="col">{t("Setting")}</th>
            <th scope="col">{t("Value")}</th>
            <th scope="col">{t("From")}</th>
            <th scope="col">{t("Meaning")}</th>
          </tr>
        </thead>
        <tbody>
          {settings.map((setting) => (
            <tr key={setting.variable}>
              <th scope="row" className="mono">
                {setting.variable}
              </th>
              <td className={setting.source === "default" ? "dim" : undefined}>
                {valueWords(setting)}
              </td>
              <td>{SOURCES[setting.source]}</td>
              <td>{setting.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

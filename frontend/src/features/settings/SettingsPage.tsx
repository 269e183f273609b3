import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type ProgramSettings, type Setting, settingsQuery } from "../../api/settings";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, QueryView } from "../../shared/states";
import { AdminTabs } from "../../shared/SubNav";
import { containsWords } from "../worklist/worklist";
import { SettingsHistory } from "./SettingsHistory";
import css from "./settings.module.css";

const SOURCES: Record<Setting["source"], string> = {
  environment: "Environment",
  file: "File",
  given: "At the start",
  default: "Default",
};

/** Of a setting: its value as one reads it. */
export function valueWords({ secret, is_set, value }: Setting): string {
  if (secret) return is_set ? "set, not shown" : "not set";
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
        title="Settings"
        filter={filter}
        placeholder="Filter by name or meaning"
        onFilter={onFilter}
      >
        <div className={page.choice} role="group" aria-label="Which">
          <button type="button" aria-pressed={!changedOnly} onClick={() => onChangedOnly(false)}>
            All
          </button>
          <button type="button" aria-pressed={changedOnly} onClick={() => onChangedOnly(true)}>
            Not the default
          </button>
        </div>
      </PageHead>
      <QueryView query={settings} rows={10} safe="The settings themselves are not affected.">
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
            <Empty title="No setting matches">Clear the filter to see all settings.</Empty>
          ) : (
            // A scrolling region has to be reachable by keyboard.
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
            <div className={css.programs} tabIndex={0} role="region" aria-label="All settings">
              <p className="dim">
                They are read when a program starts: set the variable in its environment, or name a
                file with its value in the same variable with <code>_FILE</code> at its end, and
                start it again.
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
          <summary>History</summary>
          {open && <SettingsHistory program={history} />}
        </details>
      )}
      <table className={css.settings}>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
            <th scope="col">Meaning</th>
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

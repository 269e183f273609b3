import { Checkbox } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { ACTIONS, PRIORITIES } from "./rule";
import { Choice, pairs, Part, type PartProps } from "./RulePart";
import css from "./rules.module.css";

/** What follows when a rule fires, and where to. */
export function WhatPart({ draft, problems, readOnly, onChange }: PartProps) {
  const action = draft.action;
  return (
    <Part title={t("What")} about={t("follows, and where to")}>
      <div className={css.row}>
        <Choice
          label={t("Does")}
          value={action}
          choices={pairs(ACTIONS)}
          readOnly={readOnly}
          onPick={(next) => onChange({ action: next })}
        />
        {action !== "discard" && action !== "notification" && (
          <Choice
            label={t("Priority")}
            value={draft.priority}
            choices={pairs(PRIORITIES)}
            readOnly={readOnly}
            onPick={(priority) => onChange({ priority })}
          />
        )}
      </div>
      {problems.action && <p className={css.flaw}>{problems.action}</p>}
      {action === "discard" && (
        <p className="dim">
          {t(
            "It ends the matter: the images go nowhere, whatever other rules say. Their files stay.",
          )}
        </p>
      )}
      {action === "process" && (
        <p className="dim">
          {t(
            "What the modules make is in the archive, with the case. Nothing is sent, unless the last of them may choose targets.",
          )}
        </p>
      )}
      {(action === "route" || action === "both" || draft.target.length > 0) && (
        <TargetChoice {...{ draft, problems, readOnly, onChange }} />
      )}
    </Part>
  );
}

function TargetChoice({ draft, problems, readOnly, onChange }: PartProps) {
  const targets = useQuery(routingQueries.targets).data;
  const names = [...new Set([...(targets ?? []).map(({ name }) => name), ...draft.target])];
  const noteOf = (name: string): string => {
    const found = targets?.find((target) => target.name === name);
    if (!found) return targets ? t(" (there is none of this name)") : "";
    if (found.paused) return t(" (paused)");
    return found.enabled ? "" : t(" (off)");
  };
  return (
    <fieldset className={css.targets} disabled={readOnly}>
      <legend>{t("Targets")}</legend>
      {targets?.length === 0 && (
        <p className="dim">
          {rich("There are no targets yet: <a>add one first</a>.", {
            a: <Link to="/targets" />,
          })}
        </p>
      )}
      {names.map((name) => (
        <Checkbox
          key={name}
          label={`${name}${noteOf(name)}`}
          checked={draft.target.includes(name)}
          onChange={(event) =>
            onChange({
              target: event.currentTarget.checked
                ? [...draft.target, name]
                : draft.target.filter((other) => other !== name),
            })
          }
        />
      ))}
      {problems.target && (
        <p className={css.flaw} role="alert">
          {problems.target}
        </p>
      )}
    </fieldset>
  );
}

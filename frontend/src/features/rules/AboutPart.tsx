import { Textarea, TextInput } from "@mantine/core";

import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { inState, keptOptions, optionLabel, type RuleState, STATES, stateOf } from "./rule";
import { Choice, Part, type PartProps } from "./RulePart";

/** Whether a rule counts, notes for people, and what no form shows. */
export function AboutPart({ draft, readOnly, onChange }: PartProps) {
  const state = stateOf(draft);
  const kept = keptOptions(draft);
  return (
    <Part title={t("State")} about={t("and notes for people")}>
      <Choice
        label={t("State")}
        value={state}
        choices={(Object.keys(STATES) as RuleState[]).map((choice) => [
          choice,
          STATES[choice].look.word,
        ])}
        readOnly={readOnly}
        onPick={(choice) => onChange(inState(choice))}
      />
      <p className="dim">{STATES[state].about}</p>
      <Textarea
        label={t("Comment")}
        autosize
        minRows={1}
        maxRows={6}
        readOnly={readOnly}
        value={draft.comment}
        onChange={(event) => onChange({ comment: event.currentTarget.value })}
      />
      <div className={page.pair}>
        <TextInput
          label={t("Contact")}
          readOnly={readOnly}
          value={draft.contact}
          onChange={(event) => onChange({ contact: event.currentTarget.value })}
        />
        <TextInput
          label={t("Labels")}
          readOnly={readOnly}
          value={draft.tags}
          onChange={(event) => onChange({ tags: event.currentTarget.value })}
        />
      </div>
      {kept.length > 0 && (
        <div>
          <h3>{t("Kept as they are")}</h3>
          <dl className={page.facts}>
            {kept.map(([name, value]) => (
              <div key={name} className={page.fact}>
                <dt>{optionLabel(name)}</dt>
                <dd className="mono">
                  {typeof value === "string" ? value : JSON.stringify(value)}
                </dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </Part>
  );
}

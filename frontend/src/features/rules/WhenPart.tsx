import { Checkbox, TextInput } from "@mantine/core";
import { lazy, Suspense, useId } from "react";

import { t } from "../../i18n";
import { CompletionTester } from "./CompletionTester";
import { flawOf } from "./flaw";
import { FORCE } from "./rule";
import { Choice, pairs, Part, type PartProps } from "./RulePart";
import css from "./rules.module.css";
import type { Tested } from "./useRuleTest";

const ExpressionInput = lazy(() => import("./ExpressionInput"));

interface WhenProps extends PartProps {
  tested: Tested;
  vocabulary: { tags: string[]; functions: string[] } | undefined;
}

/** When a rule fires: its condition, and what it waits for. */
export function WhenPart({ draft, problems, readOnly, onChange, tested, vocabulary }: WhenProps) {
  const id = useId();
  const flaw = flawOf(tested, problems.rule);
  const study = draft.action_trigger === "study";
  return (
    <Part title={t("When")} about={t("the rule fires")}>
      <div className={css.condition}>
        <span id={id} className="field-label">
          {t("Condition")}
        </span>
        <div className={css.code} data-error={flaw?.severity === "error" || undefined}>
          <Suspense fallback={<code className={css.expression}>{draft.rule}</code>}>
            <ExpressionInput
              value={draft.rule}
              flaw={flaw}
              keywords={vocabulary?.tags ?? []}
              functions={vocabulary?.functions ?? []}
              readOnly={readOnly}
              labelledBy={id}
              describedBy={`${id}-note`}
              onChange={(rule) => onChange({ rule })}
            />
          </Suspense>
        </div>
        <p id={`${id}-note`} className={flaw ? css.flaw : "dim"} data-severity={flaw?.severity}>
          {flaw
            ? flaw.message
            : t(
                "Ctrl+Space completes tags and functions. All values are texts: number(), date() and age() read them.",
              )}
        </p>
      </div>
      <div className={css.row}>
        <Choice
          label={t("Decides on")}
          value={draft.action_trigger}
          choices={[
            ["series", t("Each series")],
            ["study", t("Each study")],
          ]}
          readOnly={readOnly}
          onPick={(action_trigger) => onChange({ action_trigger })}
        />
        <Checkbox
          className={css.beside}
          label={t("Fallback: only if no other rule fires")}
          checked={draft.fallback}
          disabled={readOnly}
          onChange={(event) => onChange({ fallback: event.currentTarget.checked })}
        />
      </div>
      {study && <StudyOptions {...{ draft, problems, readOnly, onChange }} />}
    </Part>
  );
}

function StudyOptions({ draft, problems, readOnly, onChange }: PartProps) {
  const bySeries = draft.study_trigger_condition === "received_series";
  return (
    <>
      <Choice
        label={t("A study is complete")}
        value={draft.study_trigger_condition}
        choices={[
          ["timeout", t("when nothing has come for a while")],
          ["received_series", t("when certain series are there")],
        ]}
        readOnly={readOnly}
        onPick={(study_trigger_condition) => onChange({ study_trigger_condition })}
      />
      {bySeries && (
        <>
          <TextInput
            label={t("Series that complete it")}
            description={t("Parts of series descriptions in quotes, with and, or and brackets")}
            inputWrapperOrder={["label", "input", "error", "description"]}
            placeholder={t("'Axial T2' and ('Sag T1 GRE' or 'Sag T1 TSE')")}
            classNames={{ input: "mono" }}
            spellCheck={false}
            readOnly={readOnly}
            value={draft.study_trigger_series}
            error={problems.study_trigger_series}
            onChange={(event) => onChange({ study_trigger_series: event.currentTarget.value })}
          />
          <CompletionTester expression={draft.study_trigger_series} />
        </>
      )}
      <Choice
        label={t("If it is not complete after a long time")}
        value={draft.study_force_completion_action}
        choices={pairs(FORCE)}
        readOnly={readOnly}
        onPick={(study_force_completion_action) => onChange({ study_force_completion_action })}
      />
    </>
  );
}

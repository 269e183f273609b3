import { Checkbox, Select } from "@mantine/core";

import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ROLE_WORDS } from "../../shared/roles";
import { gateAt, withGate } from "./chain";
import { HoursInput } from "./HoursInput";
import { NO_REVIEW_YET, type Review } from "./review";
import { AT_DEADLINE } from "./rule";
import { Choice, pairs, type PartProps } from "./RulePart";
import css from "./rules.module.css";

const ROLES: Review["role"][] = ["medical", "scientist", "engineer", "admin"];

/** Whether a person decides about what the modules made before it is sent. */
export function ReviewChoice({ draft, problems, readOnly, onChange }: PartProps) {
  return (
    <>
      <Asked
        label={t("A person looks at it before anything is sent")}
        review={draft.processing_review ?? null}
        readOnly={readOnly}
        onChange={(processing_review) => onChange({ processing_review })}
      />
      {problems.processing_review && <p className={css.flaw}>{problems.processing_review}</p>}
      {problems.processing_gates && <p className={css.flaw}>{problems.processing_gates}</p>}
    </>
  );
}

/** Whether a person decides between this module and the next one whether the chain goes on. */
export function GateChoice({ draft, readOnly, onChange, at }: PartProps & { at: number }) {
  const names = draft.processing_module ?? [];
  return (
    <Asked
      label={t("A person looks at it before {module} runs", { module: names[at + 1] })}
      review={gateAt(draft, at)}
      readOnly={readOnly}
      onChange={(review) => onChange(withGate(draft, at, review))}
    />
  );
}

interface AskedProps {
  label: string;
  review: Review | null;
  readOnly: boolean;
  onChange: (review: Review | null) => void;
}

function Asked({ label, review, readOnly, onChange }: AskedProps) {
  const set = (change: Partial<Review>) => onChange({ ...(review ?? NO_REVIEW_YET), ...change });
  return (
    <>
      <Checkbox
        label={label}
        disabled={readOnly}
        checked={review !== null}
        onChange={(event) => onChange(event.currentTarget.checked ? NO_REVIEW_YET : null)}
      />
      {review && (
        <div className={css.preview}>
          <div className={page.pair}>
            <Select
              label={t("Who decides")}
              description={t("Administrators may always")}
              inputWrapperOrder={["label", "input", "error", "description"]}
              allowDeselect={false}
              disabled={readOnly}
              value={review.role}
              data={ROLES.map((role) => ({ value: role, label: ROLE_WORDS[role] ?? role }))}
              onChange={(role) => role && set({ role })}
            />
            <HoursInput
              label={t("Within")}
              description={t("Empty: it waits for ever")}
              // Another document came from elsewhere: it is what is typed now.
              key={review.deadline_s ?? "none"}
              value={review.deadline_s ?? null}
              readOnly={readOnly}
              onChange={(deadline_s) => set({ deadline_s })}
            />
          </div>
          {review.deadline_s != null && (
            <Choice
              label={t("If nobody has decided by then")}
              value={review.at_deadline}
              choices={pairs(AT_DEADLINE)}
              readOnly={readOnly}
              onPick={(at_deadline) => set({ at_deadline })}
            />
          )}
        </div>
      )}
    </>
  );
}

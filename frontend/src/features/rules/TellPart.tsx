import { Checkbox, Textarea, TextInput } from "@mantine/core";

import type { Rule, RuleOptions } from "../../api/routing";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { Choice, Part, type PartProps } from "./RulePart";
import css from "./rules.module.css";
import { TellPreview } from "./TellPreview";

const SWITCHES = [
  ["notification_trigger_reception", t("when all images are there")],
  ["notification_trigger_completion", t("when it is done")],
  ["notification_trigger_completion_on_request", t("when it is done, if a module asks")],
  ["notification_trigger_error", t("when it failed")],
] as const;

/** Whom a rule tells, of what and how. */
export function TellPart({
  draft,
  problems,
  readOnly,
  onChange,
  saved,
}: PartProps & { saved: Rule | null }) {
  const mails = Boolean(draft.notification_email);
  const hooks = Boolean(draft.notification_webhook);
  const text = (name: keyof RuleOptions & `notification_${string}`) => ({
    readOnly,
    value: String(draft[name]),
    error: problems[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      onChange({ [name]: event.currentTarget.value }),
  });
  return (
    <Part title={t("Tell")} about={t("people and programs")}>
      <div className={page.pair}>
        <TextInput
          label={t("E-mail to")}
          placeholder={t("a@example.org, b@example.org")}
          {...text("notification_email")}
        />
        <TextInput
          label={t("Webhook")}
          placeholder={t("https://")}
          {...text("notification_webhook")}
        />
      </div>
      {(mails || hooks) && (
        <div className={css.switches} role="group" aria-label={t("Tell")}>
          {SWITCHES.map(([name, label]) => (
            <Checkbox
              key={name}
              label={label}
              disabled={readOnly}
              checked={draft[name]}
              onChange={(event) => onChange({ [name]: event.currentTarget.checked })}
            />
          ))}
        </div>
      )}
      {mails && (
        <>
          <Choice
            label={t("Kind of e-mail")}
            value={draft.notification_email_type}
            choices={[
              ["plain", t("Text")],
              ["html", "HTML"],
            ]}
            readOnly={readOnly}
            onPick={(notification_email_type) => onChange({ notification_email_type })}
          />
          <Textarea
            label={t("Text of the e-mail")}
            placeholder={t("Empty: rule, event, case and reason")}
            autosize
            minRows={2}
            maxRows={10}
            classNames={{ input: "mono" }}
            {...text("notification_email_body")}
          />
        </>
      )}
      {hooks && (
        <>
          <Textarea
            label={t("Payload of the webhook")}
            description={t("JSON without its outer braces")}
            placeholder={t('"text": "{{ body }}", "event": "@event@"')}
            autosize
            minRows={2}
            maxRows={10}
            classNames={{ input: "mono" }}
            {...text("notification_payload")}
          />
          <Textarea
            label={t("Text in the payload")}
            description={t("Stands where the payload says {{ body }}")}
            autosize
            minRows={2}
            maxRows={10}
            classNames={{ input: "mono" }}
            {...text("notification_payload_body")}
          />
        </>
      )}
      {(mails || hooks) && <TellPreview draft={draft} saved={saved} />}
    </Part>
  );
}

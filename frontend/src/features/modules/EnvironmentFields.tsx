import { ActionIcon, Button, PasswordInput, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";

import { t } from "../../i18n";
import type { Variable } from "./module";
import css from "./modules.module.css";

interface Props {
  variables: Variable[];
  problems: Record<number, string>;
  onChange: (next: Variable[]) => void;
}

/** Variables of a module: written, and never shown again. */
export function EnvironmentFields({ variables, problems, onChange }: Props) {
  const set = (id: number, change: Partial<Variable>) =>
    onChange(variables.map((one) => (one.id === id ? { ...one, ...change } : one)));
  return (
    <fieldset className={css.environment}>
      <legend>{t("Variables")}</legend>
      <p className="dim">
        {t("Environment of the module. Values are stored encrypted and never shown.")}
      </p>
      {variables.map(({ id, name, value, stored }, at) => (
        <div key={id} className={css.variable}>
          <TextInput
            aria-label={t("Name of variable {at}", { at: at + 1 })}
            placeholder={t("NAME")}
            classNames={{ input: "mono" }}
            autoComplete="off"
            spellCheck={false}
            readOnly={stored}
            value={name}
            error={problems[id]}
            onChange={(event) => set(id, { name: event.currentTarget.value })}
          />
          <PasswordInput
            aria-label={t("Value of {name}", { name: name || t("variable {at}", { at: at + 1 }) })}
            placeholder={stored ? t("Set. Leave empty to keep it") : t("Value")}
            autoComplete="new-password"
            spellCheck={false}
            value={value}
            onChange={(event) => set(id, { value: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size={40}
            aria-label={t("Remove {name}", { name: name || t("variable {at}", { at: at + 1 }) })}
            onClick={() => onChange(variables.filter((one) => one.id !== id))}
          >
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </div>
      ))}
      <div>
        <Button
          variant="default"
          leftSection={<IconPlus size={16} />}
          onClick={() =>
            onChange([
              ...variables,
              {
                id: 1 + Math.max(0, ...variables.map(({ id }) => id)),
                name: "",
                value: "",
                stored: false,
              },
            ])
          }
        >
          {t("Add a variable")}
        </Button>
      </div>
    </fieldset>
  );
}

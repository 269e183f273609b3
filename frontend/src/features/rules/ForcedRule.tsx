import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { imageQueries } from "../../api/imageQueries";
import { t } from "../../i18n";

interface Props {
  /** Null: all rules. */
  value: string | null;
  onChange: (rule: string | null) => void;
  clearable?: boolean;
  disabled?: boolean;
}

/** Whether all rules decide about images that come in, or one alone. */
export function ForcedRule({ value, onChange, clearable = true, disabled }: Props) {
  const rules = useQuery(imageQueries.rules).data ?? [];
  return (
    <Select
      label={t("Decided by")}
      placeholder={t("All rules, as always")}
      clearable={clearable}
      searchable
      disabled={disabled}
      value={value}
      onChange={onChange}
      data={rules.map(({ name }) => ({ value: name, label: t("Only {name}", { name }) }))}
    />
  );
}

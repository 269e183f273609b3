import { Button, Menu } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { sessionStore } from "../api/session";
import { t } from "../i18n";
import type { Column } from "./DataTable";
import css from "./shared.module.css";
import { useStore } from "./store";

/** Which columns of a table a user wants; remembered in this browser, for each user. */
export function useColumns<Row>(table: string, all: Column<Row>[]) {
  const { user } = useStore(sessionStore);
  const key = `scanhub-columns-${table}-${user?.username ?? ""}`;
  const [hidden, setHidden] = useState(() => remembered(key));
  const toggle = (column: string) => {
    const next = hidden.includes(column)
      ? hidden.filter((other) => other !== column)
      : [...hidden, column];
    localStorage.setItem(key, JSON.stringify(next));
    setHidden(next);
  };
  const columns = useMemo(
    () => all.filter((column) => !hidden.includes(column.key)),
    [all, hidden],
  );
  return { columns, hidden, toggle };
}

function remembered(key: string): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function ColumnsMenu<Row>({
  all,
  always,
  hidden,
  onToggle,
}: {
  all: Column<Row>[];
  /** What a row cannot be told apart without. */
  always: string[];
  hidden: string[];
  onToggle: (column: string) => void;
}) {
  return (
    <Menu position="bottom-end" closeOnItemClick={false} shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconColumns3 size={16} />}>
          {t("Columns")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        {all.map(({ key, head }) => (
          <Menu.CheckboxItem
            key={key}
            checked={!hidden.includes(key)}
            disabled={always.includes(key)}
            onChange={() => onToggle(key)}
          >
            {head}
          </Menu.CheckboxItem>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

import { Menu } from "@mantine/core";
import {
  IconArrowDown,
  IconArrowUp,
  IconCopy,
  IconDots,
  IconRepeat,
  IconTrash,
} from "@tabler/icons-react";

import type { Task } from "../../api/types";
import { t } from "../../i18n";
import css from "./queue.module.css";

export interface RowActs {
  /** Undefined where it cannot be done; then nothing is offered. */
  up?: () => void;
  down?: () => void;
  duplicate: () => void;
  repeat?: () => void;
  remove: () => void;
  /** Why it cannot be deleted now. */
  kept: string | null;
}

export function RowMenu({ task, acts }: { task: Task; acts: RowActs }) {
  return (
    <Menu position="bottom-end" width={236} shadow="md">
      <Menu.Target>
        <button
          type="button"
          className={css.more}
          aria-label={t("More for {task}", { task: task.name })}
        >
          <IconDots size={18} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        <Menu.Item
          leftSection={<IconArrowUp size={16} />}
          rightSection={<kbd>{t("Alt ↑")}</kbd>}
          disabled={!acts.up}
          onClick={acts.up}
        >
          {t("Move up")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconArrowDown size={16} />}
          rightSection={<kbd>{t("Alt ↓")}</kbd>}
          disabled={!acts.down}
          onClick={acts.down}
        >
          {t("Move down")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconCopy size={16} />}
          rightSection={<kbd>D</kbd>}
          onClick={acts.duplicate}
        >
          {t("Duplicate")}
        </Menu.Item>
        {acts.repeat && (
          <Menu.Item leftSection={<IconRepeat size={16} />} onClick={acts.repeat}>
            {t("Repeat with a reason")}
          </Menu.Item>
        )}
        <Menu.Item
          leftSection={<IconTrash size={16} />}
          rightSection={<kbd>{t("Del")}</kbd>}
          disabled={acts.kept !== null}
          onClick={acts.remove}
        >
          {t("Delete")}
          {acts.kept && <div className={css.menuWhy}>{acts.kept}</div>}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

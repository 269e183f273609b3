import { ActionIcon } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";

import { t } from "../i18n";
import page from "./page.module.css";
import type { StatusLook } from "./status";
import { StatusBadge } from "./StatusBadge";

interface Props {
  title: string;
  /** A line below the name. */
  about?: ReactNode;
  look?: StatusLook;
  onClose: () => void;
}

/** What a detail pane is about, how that stands, and the way back to the whole list. */
export function DetailHead({ title, about, look, onClose }: Props) {
  return (
    <header className={page.detailHead}>
      <div className={page.headName}>
        <h2>{title}</h2>
        {about && <p className="dim live-number">{about}</p>}
      </div>
      <div className={page.headEnd}>
        {look && <StatusBadge look={look} />}
        <ActionIcon
          variant="subtle"
          color="gray"
          size={40}
          aria-label={t("Close")}
          onClick={onClose}
        >
          <IconX size={18} aria-hidden />
        </ActionIcon>
      </div>
    </header>
  );
}

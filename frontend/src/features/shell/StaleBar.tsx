import { IconBoltOff } from "@tabler/icons-react";

import { t } from "../../i18n";
import { clock } from "../../shared/format";
import { useOpenExam } from "./openExam";
import css from "./shell.module.css";
import { useStreamState } from "./StreamBadge";

/** What is on screen may not be what is: said where nobody overlooks it. STOP does not depend on it. */
export function StaleBar() {
  const stream = useStreamState();
  const exam = useOpenExam();
  if (stream.kind !== "stale") return null;
  return (
    <div className={css.alarm} role="alert" data-testid="stale-bar">
      <IconBoltOff size={20} aria-hidden />
      <strong>{t("Stale since {since}", { since: clock(stream.since) })}</strong>
      <span>
        {exam
          ? t("What is shown may be old: look at the scanner. Start waits, STOP still works.")
          : t("What is shown may be old. It is read anew when the connection is back.")}
      </span>
    </div>
  );
}

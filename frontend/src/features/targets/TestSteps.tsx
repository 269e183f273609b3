import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";

import type { TargetTest } from "../../api/routing";
import { t } from "../../i18n";
import { capitalised } from "../../shared/format";
import css from "./targets.module.css";

/** Each step of a connection test up to the one that failed. */
export function TestSteps({ found }: { found: TargetTest }) {
  return (
    <div role="status" aria-label={t("What came of the test")}>
      <ol className={css.steps}>
        {found.steps.map(({ name, ok, detail }) => (
          <li key={name} data-failed={!ok || undefined}>
            {ok ? (
              <IconCircleCheck size={18} color="var(--status-done)" aria-label={t("passed")} />
            ) : (
              <IconCircleX size={18} color="var(--status-fault)" aria-label={t("failed")} />
            )}
            <strong>{capitalised(name)}</strong>
            <span>{detail}</span>
          </li>
        ))}
      </ol>
      <p>
        <strong>
          {found.ok ? t("Images can be sent there.") : t("Images cannot be sent there now.")}
        </strong>
      </p>
    </div>
  );
}

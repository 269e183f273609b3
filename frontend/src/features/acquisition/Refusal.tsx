import { Button } from "@mantine/core";
import { IconAlertTriangle, IconX } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { ApiError } from "../../api/problem";
import { type SafetyConfirmation, toConfirm, verdictOf } from "../../api/safety";
import type { Task } from "../../api/types";
import { t } from "../../i18n";
import { serverText } from "../../i18n/server";
import { CorrelationId, Reasons } from "../../shared/states";
import css from "./acquisition.module.css";

const ConfirmScanModal = lazy(() => import("./ConfirmScanModal"));

interface Props {
  task: Task;
  refusal: unknown;
  start: (confirmed?: SafetyConfirmation) => Promise<void>;
  dismiss: () => void;
}

/** Why a scan was not started: every reason, and the way on if a person may answer for it. */
export function Refusal({ task, refusal, start, dismiss }: Props) {
  const [asking, setAsking] = useState(false);
  const problem = refusal instanceof ApiError ? refusal : null;
  const verdict = verdictOf(refusal);
  const open = toConfirm(verdict);
  const notes = (verdict?.reasons ?? []).filter(({ severity }) => severity === "note");
  const said = refusal instanceof Error ? refusal.message : t("Unknown error.");
  return (
    <>
      {/* Out of the way of the dialog that it leads to, where the screen is small. */}
      <div className={css.notice} role="alert" data-bad hidden={asking}>
        <IconAlertTriangle size={18} aria-hidden />
        <div>
          <strong>{t("{task} was not started", { task: task.name })}</strong>
          {problem?.reasons.length ? <Reasons reasons={problem.reasons} /> : <div>{said}</div>}
          {notes.length > 0 && (
            <details>
              <summary>{t("Not checked or for information ({n})", { n: notes.length })}</summary>
              <Reasons reasons={notes.map(({ text }) => serverText(text))} />
            </details>
          )}
          {open.length > 0 && (
            <Button size="xs" variant="default" onClick={() => setAsking(true)}>
              {t("Confirm and start")}
            </Button>
          )}
          {problem?.correlationId && <CorrelationId id={problem.correlationId} />}
        </div>
        <Dismiss onClick={dismiss} />
      </div>
      {asking && verdict && (
        <Suspense>
          <ConfirmScanModal
            task={task}
            verdict={verdict}
            onClose={() => setAsking(false)}
            onConfirm={(confirmed) => void start(confirmed)}
          />
        </Suspense>
      )}
    </>
  );
}

export function Dismiss({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      className={css.dismiss}
      aria-label={t("Dismiss message")}
      onClick={onClick}
    >
      <IconX size={16} aria-hidden />
    </button>
  );
}

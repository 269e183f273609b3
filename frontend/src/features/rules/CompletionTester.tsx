import { Textarea } from "@mantine/core";
import { useMemo, useState } from "react";

import { t } from "../../i18n";
import { useMayTryOut } from "../../shared/roles";
import css from "./rules.module.css";
import { useCompletionTest } from "./useRuleTest";

/** Which series descriptions would complete a study. */
export function CompletionTester({ expression }: { expression: string }) {
  const [typed, setTyped] = useState("");
  const mayTry = useMayTryOut() === null;
  const received = useMemo(
    () =>
      typed
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
    [typed],
  );
  const found = useCompletionTest(expression, received, mayTry);
  return (
    <div className={css.completion}>
      <Textarea
        label={t("Try it: series descriptions, a line each")}
        autosize
        minRows={2}
        maxRows={6}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      {found && (
        <p role="status" className={found.valid ? undefined : css.flaw}>
          {found.error ??
            (found.complete
              ? t("With these the study is complete.")
              : t("With these the study is not complete."))}
        </p>
      )}
    </div>
  );
}

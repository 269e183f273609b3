import { useMutation, useQueryClient } from "@tanstack/react-query";

import { imageKeys } from "../../api/imageQueries";
import { runKeys } from "../../api/runQueries";
import { changePriority, type RunPriority, type RunRef } from "../../api/runs";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useMayOperate } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { PRIORITY_WORDS } from "../queue/sending";
import css from "./runs.module.css";

const ABOUT: Record<RunPriority, string> = {
  urgent: t("Before the others that wait"),
  normal: t("In the order in which they came"),
  offpeak: t("In off-peak hours only"),
};

/** The place in its queue of a run that has not begun. */
export function PriorityChoice({ run, priority }: { run: RunRef; priority: RunPriority }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const change = useMutation({
    mutationFn: (next: RunPriority) => changePriority(run, next),
    onSettled: () =>
      Promise.all(
        [runKeys.all, imageKeys.cases, ["runs"]].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
  return (
    <>
      <div className={css.line}>
        <div role="radiogroup" aria-label={t("Priority")} className={page.choice}>
          {(Object.keys(ABOUT) as RunPriority[]).map((choice) => (
            <button
              key={choice}
              type="button"
              role="radio"
              aria-checked={choice === priority}
              disabled={mayNot !== null || change.isPending}
              title={mayNot ?? ABOUT[choice]}
              onClick={() => choice !== priority && change.mutate(choice)}
            >
              {PRIORITY_WORDS[choice]}
            </button>
          ))}
        </div>
        <span className="dim">{ABOUT[priority]}</span>
      </div>
      <ErrorLine error={change.error} />
    </>
  );
}

import { Button, Textarea } from "@mantine/core";
import { IconBan, IconPlayerTrackNext, IconSend } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys } from "../../api/imageQueries";
import { type Review as ReviewOf, reviewProcessing } from "../../api/processing";
import { runKeys } from "../../api/runQueries";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayReview } from "../../shared/roles";
import { authorName } from "../../shared/schema/words";
import { ErrorLine } from "../../shared/states";
import css from "./processing.module.css";

const AT_DEADLINE: Record<ReviewOf["at_deadline"], string> = {
  reject: t("it is rejected then"),
  approve: t("it is approved then"),
  wait: t("it is told then, and waits on"),
};
const DECIDED: Partial<Record<string, string>> = {
  approved: t("Approved"),
  rejected: t("Rejected"),
  canceled: t("Nobody has decided: the run was stopped."),
};

type Decision = "approve" | "reject";
interface Props {
  caseId: string;
  review: ReviewOf;
  /** Between two modules: the one that runs when it is approved. */
  next?: string;
}
interface DecidingProps {
  review: Omit<ReviewOf, "state">;
  /** What there is to look at, and to decide. */
  ask: string;
  isNext: boolean;
  send: (decision: Decision, comment: string) => Promise<unknown>;
  changed: readonly (readonly unknown[])[];
}

/** What a person decides about what the modules made, or has decided. */
export function Review({ caseId, review, next }: Props) {
  if (review.state === "waiting") {
    return (
      <Deciding
        review={review}
        ask={
          next
            ? t("Look at what came out, and decide whether {next} runs.", { next })
            : t("Look at what came out, and decide whether it is sent.")
        }
        isNext={next !== undefined}
        send={(decision, comment) => reviewProcessing(caseId, decision, comment)}
        changed={[imageKeys.cases, runKeys.all]}
      />
    );
  }
  return <Decided review={review} />;
}

/** What was decided: by whom, when and why. */
export function Decided({ review }: { review: ReviewOf }) {
  const { state, decided_by, decided_at, comment } = review;
  return (
    <p className={css.reason} data-fault={state === "rejected" || undefined}>
      {DECIDED[state] ?? state}
      {decided_by &&
        (decided_by === "deadline"
          ? t(" because nobody decided in time")
          : t(" by {authorName}", { authorName: authorName(decided_by) }))}
      {decided_at && <span className="dim"> {dayAndClock(decided_at)}</span>}
      {comment && `: ${comment}`}
    </p>
  );
}

/** The form by which a person decides. */
export function Deciding({ review, ask, isNext, send, changed }: DecidingProps) {
  const client = useQueryClient();
  const mayNot = useMayReview(review.role);
  const [comment, setComment] = useState("");
  const decide = useMutation({
    mutationFn: (decision: Decision) => send(decision, comment.trim()),
    onSettled: () => Promise.all(changed.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
  const button = { ...guarded(mayNot), disabled: mayNot !== null || decide.isPending };
  return (
    <form
      className={css.review}
      data-overdue={review.overdue || undefined}
      aria-label={t("Review")}
      onSubmit={(event) => event.preventDefault()}
    >
      <p>
        <strong>{ask}</strong>
        {review.due_at && (
          <span className="dim">
            {" "}
            {review.overdue
              ? t("It was due {dueAt}.", { dueAt: dayAndClock(review.due_at) })
              : t("Until {dueAt}; {atDeadline}.", {
                  dueAt: dayAndClock(review.due_at),
                  atDeadline: AT_DEADLINE[review.at_deadline],
                })}
          </span>
        )}
      </p>
      {mayNot ? (
        <p className="dim">{mayNot}</p>
      ) : (
        <Textarea
          label={t("Why")}
          placeholder={t("Kept with the run")}
          autosize
          minRows={1}
          maxRows={6}
          maxLength={10_000}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
      )}
      <div className={page.buttons}>
        <Button
          {...button}
          leftSection={isNext ? <IconPlayerTrackNext size={16} /> : <IconSend size={16} />}
          onClick={() => decide.mutate("approve")}
        >
          {t("Approve")}
        </Button>
        <Button
          {...button}
          variant="default"
          leftSection={<IconBan size={16} />}
          onClick={() => decide.mutate("reject")}
        >
          {t("Reject")}
        </Button>
      </div>
      <ErrorLine error={decide.error} />
    </form>
  );
}

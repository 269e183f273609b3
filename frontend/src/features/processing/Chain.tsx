import { Button } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconPlayerTrackNext } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { imageKeys } from "../../api/imageQueries";
import {
  type ProcessingGate,
  type ProcessingRun,
  type ProcessingStep,
  readStepLog,
  retryProcessing,
  stepLogUrl,
} from "../../api/processing";
import { runKeys } from "../../api/runQueries";
import { t } from "../../i18n";
import {
  capitalised,
  dayAndClock,
  duration,
  plainReason,
  withLocalTimes,
} from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import { LogTail } from "../../shared/log/LogTail";
import { LogView } from "../../shared/log/LogView";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate, useMayTryOut } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { Review } from "./Review";
import { hasLog, isDone, isTelling, stepLook, tookSeconds } from "./processing";
import css from "./processing.module.css";

interface Props {
  run: ProcessingRun;
  /** Nothing is opened by itself. */
  closed?: boolean;
  /** The case whose modules may go on with one of those that are done. */
  begin?: string | null;
}

/** The modules of a run in their order; each opens. */
export function Chain({ run, closed, begin = null }: Props) {
  // What nobody opened or closed is open while there is something to see.
  const [chosen, setChosen] = useState<Record<number, boolean>>({});
  return (
    <ol className={css.chain} aria-label={t("Modules of the run")}>
      {run.steps.map((step) => {
        const toDecide = run.gates?.some(
          ({ after, state }) => after === step.position && state === "waiting",
        );
        const open = chosen[step.position] ?? (!closed && (isTelling(step) || !!toDecide));
        return (
          <Step
            key={step.position}
            run={run}
            step={step}
            open={open}
            begin={run.state === "rejected" ? null : begin}
            onToggle={() => setChosen((now) => ({ ...now, [step.position]: !open }))}
          />
        );
      })}
    </ol>
  );
}

interface StepProps {
  run: ProcessingRun;
  step: ProcessingStep;
  open: boolean;
  begin: string | null;
  onToggle: () => void;
}

function Step({ run, step, open, begin, onToggle }: StepProps) {
  const running = step.state === "running";
  const took = tookSeconds(step, useNow(running));
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const gate = run.gates?.find(({ after }) => after === step.position);
  return (
    <li className={css.step} aria-current={running ? "step" : undefined}>
      <button type="button" className={css.stepHead} aria-expanded={open} onClick={onToggle}>
        <Chevron size={16} aria-hidden />
        <span className="dim live-number">{step.position}</span>
        <strong>{step.module}</strong>
        <StatusBadge look={stepLook(step.state)} />
        <span className={`dim live-number ${page.lineEnd}`}>
          {took !== null && step.state !== "reused" && duration(took)}
        </span>
      </button>
      {step.reason && (
        <p className={css.reason} data-fault={step.state === "failed" || undefined}>
          {withLocalTimes(capitalised(plainReason(step.reason)), step.ended_at ?? undefined)}
        </p>
      )}
      {gate?.state === "waiting" && <Gate run={run} gate={gate} />}
      {open && <StepBody run={run} step={step} />}
      {open && begin && isDone(step) && <BeginHere caseId={begin} step={step} />}
      {gate && gate.state !== "waiting" && <Gate run={run} gate={gate} />}
    </li>
  );
}

/** Who decides whether the chain goes on is asked above what there is to look at. */
function Gate({ run, gate }: { run: ProcessingRun; gate: ProcessingGate }) {
  const next = run.steps.find(({ position }) => position === gate.after + 1)?.module;
  return <Review caseId={run.case_id} review={gate} next={next} />;
}

/** The modules go on with one that is done already: it and all behind it run once more. */
function BeginHere({ caseId, step }: { caseId: string; step: ProcessingStep }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const again = useMutation({
    mutationFn: () => retryProcessing(caseId, step.position),
    onSettled: () =>
      Promise.all(
        [imageKeys.cases, runKeys.all].map((queryKey) => client.invalidateQueries({ queryKey })),
      ),
  });
  return (
    <div className={css.stepBody}>
      <div className={page.buttons}>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlayerTrackNext size={16} />}
          {...guarded(mayNot)}
          loading={again.isPending}
          onClick={() => again.mutate()}
        >
          {t("Begin again with {module}", { module: step.module })}
        </Button>
      </div>
      <ErrorLine error={again.error} />
    </div>
  );
}

function StepBody({ run, step }: { run: ProcessingRun; step: ProcessingStep }) {
  const { module, module_version, exit_code, settings, output } = step;
  return (
    <div className={css.stepBody}>
      {output !== null && output !== undefined && (
        <section aria-label={t("Result of {module}", { module })}>
          <h4>{t("Result")}</h4>
          <JsonView value={output} />
        </section>
      )}
      {hasLog(step) && <StepLog run={run} step={step} />}
      <dl className={page.facts}>
        <dt>{t("Module")}</dt>
        <dd>
          <Link to="/modules" search={{ id: module }}>
            {module}
          </Link>
          {module_version !== null && (
            <span className="dim">
              {" "}
              {t("version {moduleVersion}", { moduleVersion: module_version })}
            </span>
          )}
        </dd>
        {step.started_at && (
          <>
            <dt>{t("Began")}</dt>
            <dd>{dayAndClock(step.started_at)}</dd>
          </>
        )}
        {exit_code !== null && (
          <>
            <dt>{t("Exit code")}</dt>
            <dd className="live-number">{exit_code}</dd>
          </>
        )}
        {Object.keys(settings).length > 0 && (
          <>
            <dt>{t("Settings")}</dt>
            <dd>
              <JsonView value={settings} />
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}

function StepLog({ run, step }: { run: ProcessingRun; step: ProcessingStep }) {
  const mayNot = useMayTryOut();
  const { module, position, state, log_tail } = step;
  if (mayNot) {
    // The whole log may hold more than the role should see; its end tells what went wrong.
    return log_tail ? (
      <section aria-label={t("Last words of {module}", { module })}>
        <h4>{t("Last words")}</h4>
        <LogTail text={log_tail} />
      </section>
    ) : null;
  }
  return (
    <section aria-label={t("What {module} said", { module })}>
      <h4>{t("Log")}</h4>
      <LogView
        of={module}
        run={run.id}
        step={position}
        live={state === "running"}
        read={(offset) => readStepLog(run.id, position, offset)}
        url={stepLogUrl(run.id, position)}
      />
    </section>
  );
}

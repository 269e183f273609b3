import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import {
  type ProcessingRun,
  type ProcessingStep,
  readStepLog,
  stepLogUrl,
} from "../../api/processing";
import { capitalised, dayAndClock, duration, plainReason } from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import { LogView } from "../../shared/log/LogView";
import page from "../../shared/page.module.css";
import { useMayTryOut } from "../../shared/roles";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { hasLog, isTelling, stepLook, tookSeconds } from "./processing";
import css from "./processing.module.css";

interface Props {
  run: ProcessingRun;
  /** Nothing is opened by itself. */
  closed?: boolean;
}

/** The modules of a run in their order; each opens. */
export function Chain({ run, closed }: Props) {
  // What nobody opened or closed is open while there is something to see.
  const [chosen, setChosen] = useState<Record<number, boolean>>({});
  return (
    <ol className={css.chain} aria-label="Modules of the run">
      {run.steps.map((step) => {
        const open = chosen[step.position] ?? (!closed && isTelling(step));
        return (
          <Step
            key={step.position}
            run={run}
            step={step}
            open={open}
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
  onToggle: () => void;
}

function Step({ run, step, open, onToggle }: StepProps) {
  const running = step.state === "running";
  const took = tookSeconds(step, useNow(running));
  const Chevron = open ? IconChevronDown : IconChevronRight;
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
          {capitalised(plainReason(step.reason))}
        </p>
      )}
      {open && <StepBody run={run} step={step} />}
    </li>
  );
}

function StepBody({ run, step }: { run: ProcessingRun; step: ProcessingStep }) {
  const { module, module_version, exit_code, settings, output } = step;
  return (
    <div className={css.stepBody}>
      {output !== null && output !== undefined && (
        <section aria-label={`Result of ${module}`}>
          <h4>Result</h4>
          <JsonView value={output} />
        </section>
      )}
      {hasLog(step) && <StepLog run={run} step={step} />}
      <dl className={page.facts}>
        <dt>Module</dt>
        <dd>
          <Link to="/modules" search={{ id: module }}>
            {module}
          </Link>
          {module_version !== null && <span className="dim"> version {module_version}</span>}
        </dd>
        {step.started_at && (
          <>
            <dt>Began</dt>
            <dd>{dayAndClock(step.started_at)}</dd>
          </>
        )}
        {exit_code !== null && (
          <>
            <dt>Exit code</dt>
            <dd className="live-number">{exit_code}</dd>
          </>
        )}
        {Object.keys(settings).length > 0 && (
          <>
            <dt>Settings</dt>
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
      <section aria-label={`Last words of ${module}`}>
        <h4>Last words</h4>
        <pre className={css.tail}>{log_tail}</pre>
      </section>
    ) : null;
  }
  return (
    <section aria-label={`What ${module} said`}>
      <h4>Log</h4>
      <LogView
        of={module}
        live={state === "running"}
        read={(offset) => readStepLog(run.id, position, offset)}
        url={stepLogUrl(run.id, position)}
      />
    </section>
  );
}

import { Button, Skeleton } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCopy,
  IconLock,
  IconRefresh,
  type TablerIcon,
} from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";

import { ApiError } from "../api/problem";
import { t } from "../i18n";
import css from "./shared.module.css";

const detailOf = (error: unknown): string =>
  error instanceof ApiError
    ? error.detail
    : error instanceof Error
      ? error.message
      : t("Unknown error.");

/** The designed states of a view: loading, empty, error, no permission. */

export function Loading({ rows = 5, label = t("Loading") }: { rows?: number; label?: string }) {
  const late = useAfter(200);
  return (
    <div role="status" aria-label={label} className={css.loading}>
      {late &&
        Array.from({ length: rows }, (_, row) => (
          <Skeleton key={row} height={16} width={`${86 - ((row * 17) % 40)}%`} radius="sm" />
        ))}
    </div>
  );
}

export function Empty({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon?: TablerIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={css.state}>
      {Icon && <Icon size={28} stroke={1.5} className={css.stateIcon} aria-hidden />}
      <h2>{title}</h2>
      {children && <p className="dim">{children}</p>}
      {action}
    </div>
  );
}

export function ErrorState({
  error,
  safe,
  onRetry,
}: {
  error: unknown;
  /** What is safe: what the failure did not touch. */
  safe: string;
  onRetry?: () => unknown;
}) {
  const problem = error instanceof ApiError ? error : null;
  if (problem?.status === 403) {
    return (
      <Empty icon={IconLock} title={t("Not allowed for your role")}>
        {t("{detail} Ask an administrator if you need this.", { detail: problem.detail })}
      </Empty>
    );
  }
  return (
    <div className={css.state} role="alert">
      <IconAlertTriangle size={28} stroke={1.5} color="var(--status-fault)" aria-hidden />
      <h2>{problem?.title ?? t("This view could not be shown")}</h2>
      <p>{detailOf(error)}</p>
      <Reasons reasons={problem?.reasons ?? []} />
      <p className="dim">{safe}</p>
      <div className={css.stateActions}>
        {onRetry && (
          <Button
            variant="default"
            leftSection={<IconRefresh size={16} />}
            onClick={() => onRetry()}
          >
            {t("Try again")}
          </Button>
        )}
        {problem?.correlationId && <CorrelationId id={problem.correlationId} />}
      </div>
    </div>
  );
}

/** The same, small enough for a form. */
export function ErrorLine({ error }: { error: unknown }) {
  if (!error) return null;
  const problem = error instanceof ApiError ? error : null;
  return (
    <div className={css.errorLine} role="alert">
      <IconAlertTriangle size={16} aria-hidden />
      <div>
        {detailOf(error)}
        <Reasons reasons={problem?.reasons ?? []} />
        {problem?.correlationId && <CorrelationId id={problem.correlationId} />}
      </div>
    </div>
  );
}

export function Reasons({ reasons }: { reasons: string[] }) {
  if (reasons.length === 0) return null;
  return (
    <ul className={css.reasons}>
      {reasons.map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
  );
}

export function CorrelationId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard?.writeText(id).then(() => setCopied(true));
  };
  return (
    <button type="button" className={css.copyId} onClick={copy} title={id}>
      <IconCopy size={14} aria-hidden />
      {copied ? t("Copied") : t("Reference {id}", { id: id.slice(0, 8) })}
    </button>
  );
}

/** A question to the server, of one answer or of several pages. */
export interface Asked<T> {
  data: T | undefined;
  isError: boolean;
  error: unknown;
  refetch: () => unknown;
}

/** Renders a query in its state; `children` only ever sees data. */
export function QueryView<T>({
  query,
  safe,
  rows,
  children,
}: {
  query: Asked<T>;
  safe: string;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && <NotAnew query={query} />}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) {
    return <ErrorState error={query.error} safe={safe} onRetry={query.refetch} />;
  }
  return <Loading rows={rows} />;
}

/** What is shown was read before, and reading it once more has failed. */
function NotAnew({ query: { error, refetch } }: { query: Asked<unknown> }) {
  return (
    <div className={css.errorLine} role="status">
      <IconAlertTriangle size={16} aria-hidden />
      <div>
        {t("This may be old: it could not be read anew. {detail}", { detail: detailOf(error) })}
      </div>
      <Button size="xs" variant="default" onClick={() => refetch()}>
        {t("Try again")}
      </Button>
    </div>
  );
}

function useAfter(ms: number): boolean {
  const [passed, setPassed] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setPassed(true), ms);
    return () => window.clearTimeout(timer);
  }, [ms]);
  return passed;
}

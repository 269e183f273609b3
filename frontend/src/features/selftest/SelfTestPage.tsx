import { Button } from "@mantine/core";
import {
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconLoader2,
  IconTestPipe,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { beginSelfTest, type SelfTest } from "../../api/upkeep";
import { upkeepKeys, upkeepQueries } from "../../api/upkeepQueries";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock, plainReason, withUnit } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { useMayTryOut } from "../../shared/roles";
import { Empty, ErrorLine } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { HealthTabs } from "../../shared/SubNav";
import { outcomeOf, secondsOf, SELFTEST_STATE, type ShownStep, stepsOf, titleOf } from "./selftest";
import css from "./selftest.module.css";

const COLUMNS: Column<SelfTest>[] = [
  {
    key: "state",
    head: t("State"),
    width: "104px",
    cell: ({ state }) => <StatusBadge look={SELFTEST_STATE[state]} />,
  },
  { key: "kind", head: t("With"), width: "minmax(150px, 1fr)", cell: titleOf },
  {
    key: "outcome",
    head: t("What came of it"),
    width: "minmax(180px, 3fr)",
    cell: (test) => <span title={outcomeOf(test)}>{outcomeOf(test)}</span>,
  },
  {
    key: "who",
    head: t("By"),
    width: "minmax(80px, 0.7fr)",
    optional: true,
    cell: ({ started_by }) => plainReason(started_by),
  },
  {
    key: "when",
    head: t("Began"),
    width: "124px",
    cell: ({ started_at }) => <span className="live-number">{dayAndClock(started_at)}</span>,
  },
];

const BEGIN = {
  series: t("Test with a series"),
  study: t("Test with a study"),
  job: t("Test with a job"),
};

interface Props {
  selectedId: string | null;
  onSelect: (id: string | null) => void;
}

/** Whether images that arrive are sent on, seen from outside. */
export function SelfTestPage({ selectedId, onSelect }: Props) {
  const tests = useQuery(upkeepQueries.selfTests);
  const shown = tests.data?.find(({ id }) => id === selectedId) ?? null;
  return (
    <div className={page.page}>
      <HealthTabs />
      <Head running={tests.data?.some(({ state }) => state === "running")} onBegun={onSelect} />
      <ListAndDetail
        query={tests}
        rows={tests.data}
        safe={t("A test that is under way goes on.")}
        label={t("Self-tests")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        empty={
          <Empty icon={IconTestPipe} title={t("No self-test yet")}>
            {t(
              "Images of nobody take the whole way: listener, index, rule, target. No real image, target or notification is touched, and nothing is left behind.",
            )}
          </Empty>
        }
        detail={shown && <Detail test={shown} onClose={() => onSelect(null)} />}
      />
    </div>
  );
}

function Head({
  running,
  onBegun,
}: {
  running: boolean | undefined;
  onBegun: (id: string) => void;
}) {
  const client = useQueryClient();
  const mayNot = useMayTryOut();
  const why = mayNot ?? (running ? t("One is under way.") : null);
  const begin = useMutation({
    mutationFn: beginSelfTest,
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: upkeepKeys.selfTests });
      onBegun(id);
    },
  });
  return (
    <>
      <header className={page.head}>
        <h1>{t("Self-test")}</h1>
        <p className="dim">{t("Do images that arrive go where they should?")}</p>
        <div className={page.actions}>
          {(["series", "study", "job"] as const).map((kind) => (
            <Button
              key={kind}
              variant={kind === "series" ? undefined : "default"}
              disabled={why !== null}
              title={why ?? undefined}
              loading={begin.isPending && begin.variables === kind}
              onClick={() => begin.mutate(kind)}
            >
              {BEGIN[kind]}
            </Button>
          ))}
        </div>
      </header>
      {begin.error && (
        <div className={css.error}>
          <ErrorLine error={begin.error} />
        </div>
      )}
    </>
  );
}

function Detail({ test, onClose }: { test: SelfTest; onClose: () => void }) {
  const took = secondsOf(test);
  return (
    <aside className={page.detail} aria-label={t("Self-test")}>
      <DetailHead
        title={titleOf(test)}
        about={[
          dayAndClock(test.started_at),
          took !== null && withUnit(took, "s", 1),
          t("by {startedBy}", { startedBy: plainReason(test.started_by) }),
        ]
          .filter(Boolean)
          .join(", ")}
        look={SELFTEST_STATE[test.state]}
        onClose={onClose}
      />
      <DetailSection title={t("Steps")}>
        <ol className={css.steps} aria-label={t("Steps")} aria-live="polite">
          {stepsOf(test).map((step) => (
            <Step key={step.name} step={step} ended={test.state !== "running"} />
          ))}
        </ol>
      </DetailSection>
    </aside>
  );
}

function Step({ step: { about, found, running }, ended }: { step: ShownStep; ended: boolean }) {
  return (
    <li data-failed={found?.ok === false || undefined}>
      {found ? (
        found.ok ? (
          <IconCircleCheck
            size={18}
            color="var(--status-done)"
            role="img"
            aria-label={t("passed")}
          />
        ) : (
          <IconCircleX size={18} color="var(--status-fault)" role="img" aria-label={t("failed")} />
        )
      ) : running ? (
        <IconLoader2
          size={18}
          color="var(--status-running)"
          role="img"
          aria-label={t("under way")}
        />
      ) : (
        <IconCircleDashed
          size={18}
          color="var(--status-idle)"
          role="img"
          aria-label={ended ? t("not done") : t("to come")}
        />
      )}
      <div>
        <strong className={found || running ? undefined : "dim"}>{about}</strong>
        {found && <p className={found.ok ? "dim" : undefined}>{plainReason(found.detail)}</p>}
      </div>
      {found && <span className="dim live-number">{withUnit(found.seconds, "s", 2)}</span>}
    </li>
  );
}

import { Button } from "@mantine/core";
import {
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnected,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import {
  deleteTarget,
  type HealthPart,
  type Rule,
  type Target,
  testTarget,
} from "../../api/routing";
import { resumeSending } from "../../api/images";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { clock, day, dayOrClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayAdminister, useMayOperate, useMayTryOut } from "../../shared/roles";
import { authorName } from "../../shared/schema/words";
import { ErrorLine, QueryView } from "../../shared/states";
import { allFields, settingWords, targetLook, TYPES } from "./target";
import { TargetHistory } from "./TargetHistory";
import css from "./targets.module.css";
import { TestSteps } from "./TestSteps";

const TargetModal = lazy(() => import("./TargetModal"));
const PauseModal = lazy(() => import("../queue/PauseModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

interface Props {
  target: Target;
  part: HealthPart | undefined;
  rules: Rule[];
  onClose: () => void;
}

/** Everything about one target. */
export function TargetDetail({ target, part, rules, onClose }: Props) {
  const client = useQueryClient();
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const mayNot = useMayAdminister();
  const remove = async () => {
    await deleteTarget(target.name, target.version);
    onClose();
    await client.invalidateQueries({ queryKey: routingKeys.targets });
  };
  const onWay = part?.numbers?.open ?? 0;
  return (
    <aside className={page.detail} aria-label={t("Target {target}", { target: target.name })}>
      <DetailHead
        title={target.name}
        about={target.comment || TYPES[target.target_type].about}
        look={targetLook(target, part)}
        onClose={onClose}
      />
      <Sending target={target} part={part} />
      <ConnectionTest target={target} />
      <DetailSection title={t("Settings")}>
        <Settings target={target} />
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            {...guarded(mayNot)}
            onClick={() => setOpen("edit")}
          >
            {t("Edit")}
          </Button>
          <Button
            variant="default"
            leftSection={<IconTrash size={16} />}
            disabled={mayNot !== null || rules.length > 0}
            title={mayNot ?? (rules.length > 0 ? t("Rules name it: see below") : undefined)}
            onClick={() => setOpen("delete")}
          >
            {t("Delete")}
          </Button>
        </div>
      </DetailSection>
      <DetailSection title={t("Used by")}>
        {rules.length === 0 ? (
          <p className="dim">{t("No rule names it.")}</p>
        ) : (
          <>
            <ul className={css.rules}>
              {rules.map(({ name, disabled }) => (
                <li key={name}>
                  <Link to="/rules" search={{ id: name }}>
                    {name}
                  </Link>
                  {disabled && <span className="dim"> {t("(off)")}</span>}
                </li>
              ))}
            </ul>
            <p className="dim">{t("It can be deleted once no rule names it.")}</p>
          </>
        )}
      </DetailSection>
      <DetailSection title={t("History")}>
        <TargetHistory target={target} />
      </DetailSection>
      <Suspense>
        {open === "edit" && <TargetModal target={target} onClose={() => setOpen(null)} />}
        {open === "delete" && (
          <ConfirmModal
            title={t("Delete {target}", { target: target.name })}
            action={t("Delete target")}
            typed={target.name}
            run={remove}
            onClose={() => setOpen(null)}
          >
            <p>
              {t("{onWay}Its settings and secrets are deleted. This cannot be undone.", {
                onWay:
                  onWay > 0
                    ? t(
                        "Sending {onWay} series there ends, with a reason; they stay in the archive. ",
                        { onWay },
                      )
                    : "",
              })}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </aside>
  );
}

function Sending({ target, part }: { target: Target; part: HealthPart | undefined }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const [pausing, setPausing] = useState(false);
  const resume = useMutation({
    mutationFn: () => resumeSending(target.name),
    onSettled: () => client.invalidateQueries({ queryKey: routingKeys.targets }),
  });
  const { paused } = target;
  return (
    <DetailSection title={t("Sending")}>
      {paused && (
        <p className={css.paused}>
          {rich(
            "Paused by {authorName} since {pausedAt} {pausedAt2}{reason}. What comes for it waits.",
            {
              authorName: <strong>{authorName(paused.paused_by)}</strong>,
              pausedAt: day(paused.paused_at),
              pausedAt2: clock(paused.paused_at, false),
              reason: paused.reason ? `: ${paused.reason}` : "",
            },
          )}
        </p>
      )}
      <p>
        {part?.detail ?? (target.enabled ? t("Not looked at yet.") : t("Switched off."))}
        {!target.enabled && !paused && t(" Nothing new is sent there.")}
      </p>
      {(part?.numbers?.waiting ?? 0) > 0 && <Trouble name={target.name} paused={paused != null} />}
      <div className={page.buttons}>
        {paused ? (
          <Button
            leftSection={<IconPlayerPlay size={16} />}
            {...guarded(mayNot)}
            loading={resume.isPending}
            onClick={() => resume.mutate()}
          >
            {t("Resume")}
          </Button>
        ) : (
          <Button
            variant="default"
            leftSection={<IconPlayerPause size={16} />}
            {...guarded(mayNot)}
            onClick={() => setPausing(true)}
          >
            {t("Pause")}
          </Button>
        )}
      </div>
      <ErrorLine error={resume.error} />
      <Suspense>
        {pausing && <PauseModal target={target.name} onClose={() => setPausing(false)} />}
      </Suspense>
    </DetailSection>
  );
}

/** What has failed at least once and waits: since when, and what was said last. */
function Trouble({ name, paused }: { name: string; paused: boolean }) {
  const waiting = useQuery(routingQueries.waiting(name));
  return (
    <QueryView query={waiting} rows={1} safe={t("The images wait, and are sent again.")}>
      {(all) => {
        const oldest = all.at(-1);
        const soonest = all
          .map(({ next_attempt_at }) => next_attempt_at)
          .filter((time) => time != null)
          .toSorted()
          .at(0);
        if (!oldest) return null;
        return (
          <div className={css.trouble} role="status">
            <p>
              {t("The oldest series that could not be sent is from {createdAt}{soonest}.", {
                createdAt: dayOrClock(oldest.created_at),
                soonest:
                  soonest && !paused
                    ? t("; the next attempt is at {soonest}", { soonest: clock(soonest) })
                    : "",
              })}
            </p>
            {all[0]?.error && <pre>{all[0].error}</pre>}
          </div>
        );
      }}
    </QueryView>
  );
}

function ConnectionTest({ target }: { target: Target }) {
  const client = useQueryClient();
  const mayNot = useMayTryOut();
  const test = useMutation({
    mutationFn: (_version: number) => testTarget(target.name),
    onSuccess: () => client.invalidateQueries({ queryKey: routingKeys.health }),
  });
  // What was found of older settings says nothing of these.
  const found = test.variables === target.version ? test.data : undefined;
  return (
    <DetailSection title={t("Connection test")}>
      <div className={page.buttons}>
        <Button
          variant="default"
          leftSection={<IconPlugConnected size={16} />}
          {...guarded(mayNot)}
          loading={test.isPending}
          onClick={() => test.mutate(target.version)}
        >
          {t("Test the connection")}
        </Button>
      </div>
      {found && <TestSteps found={found} />}
      <ErrorLine error={test.error} />
    </DetailSection>
  );
}

function Settings({ target }: { target: Target }) {
  const values = target as Record<string, unknown>;
  const shown = allFields(target.target_type).filter(
    ({ name, secret }) =>
      secret || (values[name] !== "" && values[name] !== null && values[name] !== undefined),
  );
  return (
    <dl className={page.facts}>
      <dt>{t("Type")}</dt>
      <dd>{TYPES[target.target_type].name}</dd>
      {shown.map(({ name, label, secret, unit, long }) => (
        <div key={name} className={page.fact}>
          <dt>{label}</dt>
          <dd>
            {secret ? (
              target.secrets.includes(name) ? (
                t("set, not shown")
              ) : (
                <span className="dim">{t("not set")}</span>
              )
            ) : long ? (
              <pre className={css.value}>{String(values[name])}</pre>
            ) : (
              <>
                {settingWords(name, values[name])}
                {unit && `\u202f${unit}`}
              </>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

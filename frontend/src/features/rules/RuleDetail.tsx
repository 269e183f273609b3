import { ActionIcon, Button } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconFlask, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { deleteRule, reorderRules, replaceRule, type Rule } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { inSentence, t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock, duration, plainReason } from "../../shared/format";
import { JsonView } from "../../shared/JsonView";
import page from "../../shared/page.module.css";
import { guarded, useMayAdminister, useMayTryOut } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import {
  ACTIONS,
  draftOf,
  FORCE,
  inState,
  keptOptions,
  moved,
  optionLabel,
  PRIORITIES,
  type RuleState,
  STATES,
  stateOf,
  tells,
} from "./rule";
import { processes } from "./chain";
import { reviewWords } from "./review";
import { Pipeline } from "./Pipeline";
import { RuleHistory } from "./RuleHistory";
import css from "./rules.module.css";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

interface Props {
  rule: Rule;
  all: Rule[];
  onEdit: () => void;
  onClose: () => void;
}

/** One rule: what it says, whether it counts, what it did, how it came about. */
export function RuleDetail({ rule, all, onEdit, onClose }: Props) {
  const client = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const remove = async () => {
    await deleteRule(rule.name, rule.version);
    onClose();
    await client.invalidateQueries({ queryKey: routingKeys.rules });
  };
  const mayNot = useMayAdminister();
  const mayNotTry = useMayTryOut();
  return (
    <aside className={page.detail} aria-label={t("Rule {rule}", { rule: rule.name })}>
      <DetailHead
        title={rule.name}
        about={rule.comment}
        look={STATES[stateOf(rule)].look}
        onClose={onClose}
      />
      <DetailSection title={t("State")}>
        <StateChoice rule={rule} mayNot={mayNot} />
        <Order rule={rule} all={all} mayNot={mayNot} />
      </DetailSection>
      <Pipeline rule={rule} />
      <DetailSection title={t("What it says")}>
        <code className={css.expression}>{rule.rule}</code>
        <Facts rule={rule} />
        <div className={page.buttons}>
          <Button
            leftSection={mayNot ? <IconFlask size={16} /> : <IconPencil size={16} />}
            disabled={mayNotTry !== null}
            title={mayNotTry ?? undefined}
            onClick={onEdit}
          >
            {mayNot ? t("Try out") : t("Edit and try out")}
          </Button>
          <Button
            variant="default"
            leftSection={<IconTrash size={16} />}
            {...guarded(mayNot)}
            onClick={() => setDeleting(true)}
          >
            {t("Delete")}
          </Button>
        </div>
      </DetailSection>
      <Fired rule={rule} />
      <DetailSection title={t("History")}>
        <RuleHistory rule={rule} />
      </DetailSection>
      <Suspense>
        {deleting && (
          <ConfirmModal
            title={t("Delete {rule}", { rule: rule.name })}
            action={t("Delete rule")}
            run={remove}
            onClose={() => setDeleting(false)}
          >
            <p>
              {t(
                "Nothing is decided by it any more. What it has decided stays, and so do its versions: a rule made anew under this name goes on with them.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </aside>
  );
}

function StateChoice({ rule, mayNot }: { rule: Rule; mayNot: string | null }) {
  const client = useQueryClient();
  const state = stateOf(rule);
  const change = useMutation({
    mutationFn: (next: RuleState) =>
      replaceRule(rule.version, {
        ...draftOf(rule),
        ...inState(next),
        change_comment: t("Set to {look}", { look: inSentence(STATES[next].look.word) }),
      }),
    onSettled: () => client.invalidateQueries({ queryKey: routingKeys.rules }),
  });
  return (
    <>
      <div className={css.stateLine}>
        <div role="radiogroup" aria-label={t("State of the rule")} className={page.choice}>
          {(Object.keys(STATES) as RuleState[]).map((choice) => (
            <button
              key={choice}
              type="button"
              role="radio"
              aria-checked={choice === state}
              disabled={mayNot !== null || change.isPending}
              title={mayNot ?? STATES[choice].about}
              onClick={() => choice !== state && change.mutate(choice)}
            >
              {STATES[choice].look.word}
            </button>
          ))}
        </div>
        <span className="dim">{STATES[state].about}</span>
      </div>
      <ErrorLine error={change.error} />
    </>
  );
}

function Order({ rule, all, mayNot }: { rule: Rule; all: Rule[]; mayNot: string | null }) {
  const client = useQueryClient();
  const names = all.map(({ name }) => name);
  const at = names.indexOf(rule.name);
  const order = useMutation({
    mutationFn: (by: number) => reorderRules(moved(names, rule.name, by)),
    onSettled: () => client.invalidateQueries({ queryKey: routingKeys.rules }),
  });
  if (names.length < 2) return null;
  const buttons: [number, string, ReactNode][] = [
    [-1, t("Look at it earlier"), <IconArrowUp key="up" size={16} aria-hidden />],
    [1, t("Look at it later"), <IconArrowDown key="down" size={16} aria-hidden />],
  ];
  return (
    <>
      <div className={css.stateLine}>
        {buttons.map(([by, label, icon]) => (
          <ActionIcon
            key={label}
            variant="default"
            size={40}
            aria-label={label}
            title={mayNot ?? label}
            disabled={mayNot !== null || order.isPending || at + by < 0 || at + by >= names.length}
            onClick={() => order.mutate(by)}
          >
            {icon}
          </ActionIcon>
        ))}
        <span className="dim">
          {t("Looked at as number {at} of {n}", { at: at + 1, n: names.length })}
        </span>
      </div>
      <ErrorLine error={order.error} />
    </>
  );
}

function Facts({ rule }: { rule: Rule }) {
  const { action, action_trigger, priority, target } = rule;
  const study = action_trigger === "study";
  return (
    <dl className={page.facts}>
      <dt>{t("Does")}</dt>
      <dd>
        {ACTIONS[action]}, {study ? t("each study") : t("each series")}
      </dd>
      {target.length > 0 && (
        <>
          <dt>{t("To")}</dt>
          <dd className={css.links}>
            {target.map((name) => (
              <Link key={name} to="/targets" search={{ id: name }}>
                {name}
              </Link>
            ))}
          </dd>
        </>
      )}
      {processes(rule) && <ProcessFacts rule={rule} />}
      {study && (
        <>
          <dt>{t("Complete")}</dt>
          <dd>
            {t("{which}; if it never is: {force}", {
              which:
                rule.study_trigger_condition === "received_series"
                  ? t("with {studyTriggerSeries}", {
                      studyTriggerSeries: rule.study_trigger_series || t("any series"),
                    })
                  : t("when nothing has come for a while"),
              force: FORCE[rule.study_force_completion_action],
            })}
          </dd>
        </>
      )}
      <dt>{t("Priority")}</dt>
      <dd>{PRIORITIES[priority]}</dd>
      {rule.fallback && (
        <>
          <dt>{t("Fallback")}</dt>
          <dd>{t("Only if no other rule fires")}</dd>
        </>
      )}
      <dt>{t("Tells")}</dt>
      <dd>{tells(rule) ? recipients(rule) : <span className="dim">{t("nobody")}</span>}</dd>
      {rule.contact && (
        <>
          <dt>{t("Contact")}</dt>
          <dd>{rule.contact}</dd>
        </>
      )}
      {rule.tags && (
        <>
          <dt>{t("Labels")}</dt>
          <dd>{rule.tags}</dd>
        </>
      )}
      {keptOptions(draftOf(rule)).map(([name, value]) => (
        <div key={name} className={page.fact}>
          <dt>{optionLabel(name)}</dt>
          <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Which modules run, what they are told, and whether they choose targets. */
function ProcessFacts({ rule }: { rule: Rule }) {
  const { processing_module: modules = [], processing_settings: settings = {} } = rule;
  const allowed = rule.dynamic_routing_allowed_targets ?? [];
  return (
    <>
      <dt>{t("Modules")}</dt>
      <dd className={css.links}>
        {modules.map((name, at) => (
          // oxlint-disable-next-line react/no-array-index-key
          <Link key={`${at} ${name}`} to="/modules" search={{ id: name }}>
            {name}
          </Link>
        ))}
      </dd>
      {Object.keys(settings).length > 0 && (
        <>
          <dt>{optionLabel("processing_settings")}</dt>
          <dd>
            <JsonView value={settings} />
          </dd>
        </>
      )}
      {rule.processing_retain_images && (
        <>
          <dt>{optionLabel("processing_retain_images")}</dt>
          <dd>{t("yes")}</dd>
        </>
      )}
      {rule.processing_deadline_s != null && (
        <>
          <dt>{optionLabel("processing_deadline_s")}</dt>
          <dd>{duration(rule.processing_deadline_s)}</dd>
        </>
      )}
      {(rule.processing_gates ?? []).map((gate) => (
        <div key={gate.after} className={page.fact}>
          <dt>
            {t("Review behind {processingModule}", {
              processingModule: rule.processing_module?.[gate.after - 1],
            })}
          </dt>
          <dd>{reviewWords(gate)}</dd>
        </div>
      ))}
      {rule.processing_review && (
        <>
          <dt>{optionLabel("processing_review")}</dt>
          <dd>{reviewWords(rule.processing_review)}</dd>
        </>
      )}
      {rule.dynamic_routing && (
        <>
          <dt>{optionLabel("dynamic_routing")}</dt>
          <dd>
            {allowed.length > 0
              ? t("among {allowed}", { allowed: allowed.join(", ") })
              : t("among all")}
            {rule.conditional_alternate_target &&
              t("; or ask for {conditionalAlternateTarget}", {
                conditionalAlternateTarget: rule.conditional_alternate_target,
              })}
          </dd>
        </>
      )}
    </>
  );
}

function recipients({ notification_email, notification_webhook }: Rule): string {
  return [notification_email, notification_webhook && t("a webhook")].filter(Boolean).join(", ");
}

/** The cases that it opened last: it is seen to fire. */
function Fired({ rule }: { rule: Rule }) {
  const cases = useQuery(routingQueries.casesOf(rule.name));
  return (
    <DetailSection title={t("Fired for")}>
      <QueryView query={cases} rows={2} safe={t("The rule decides as before.")}>
        {(all) =>
          all.length === 0 ? (
            <p className="dim">
              {stateOf(rule) === "shadow"
                ? t("Nothing follows from a rule in shadow mode: try it on what came last.")
                : t("Nothing yet.")}
            </p>
          ) : (
            <ul className={css.cases} aria-label={t("Cases of the rule")}>
              {all.map(({ id, state, reason, opened_at, kind, series_instance_uids }) => (
                <li key={id}>
                  <StatusBadge look={workStatus(state)} />
                  <Link to="/cases" search={{ id }} className="live-number">
                    {dayAndClock(opened_at)}
                  </Link>
                  <span className="dim">
                    {kind}
                    {series_instance_uids.length > 1 &&
                      t(", {n} series", { n: series_instance_uids.length })}
                  </span>
                  {reason && <span className={css.reason}>{plainReason(reason)}</span>}
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </DetailSection>
  );
}

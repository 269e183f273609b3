import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { useRef, useState } from "react";

import { createRule, replaceRule, type Rule } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { ApiError } from "../../api/problem";
import { plural, t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useMayAdminister, useMayTryOut } from "../../shared/roles";
import { changesBetween, pathOf } from "../../shared/schema/changes";
import { conflictOf, rebased } from "../../shared/schema/conflict";
import { ConflictNotice } from "../../shared/schema/ConflictNotice";
import type { JsonObject } from "../../shared/schema/schema";
import { ErrorLine } from "../../shared/states";
import { AboutPart } from "./AboutPart";
import { processes } from "./chain";
import { ProcessPart } from "./ProcessPart";
import { type Draft, documentOf, draftOf, optionLabel, problemsOf } from "./rule";
import css from "./rules.module.css";
import { TellPart } from "./TellPart";
import { Tester } from "./Tester";
import { useRuleTest } from "./useRuleTest";
import { WhatPart } from "./WhatPart";
import { WhenPart } from "./WhenPart";

interface Props {
  /** Null: a new one. */
  first: Rule | null;
  onClose: (saved?: string) => void;
}

/** Makes or changes a rule, and tries it while it is written. */
export default function RuleEditor({ first, onClose }: Props) {
  const client = useQueryClient();
  const mayNot = useMayAdminister();
  const mayTry = useMayTryOut() === null;
  const [base, setBase] = useState(first);
  const [draft, setDraft] = useState<Draft>(() => draftOf(first));
  const [tags, setTags] = useState<Record<string, string>>({});
  const [tried, setTried] = useState(false);
  const [unread, setUnread] = useState<Record<string, string | null>>({});
  const vocabulary = useQuery(routingQueries.vocabulary).data;
  // Before it is known which tags are kept, each of them would be said not to be.
  const mayTest = mayTry && vocabulary !== undefined;
  const tested = useRuleTest(draft.rule, useAllTags(vocabulary?.tags, tags), mayTest);
  const save = useMutation({
    // What was sent: its refusal is told at an option until that is changed.
    mutationFn: (sent: Draft) => (base ? replaceRule(base.version, sent) : createRule(sent)),
    onSuccess: async ({ name }) => {
      await client.invalidateQueries({ queryKey: routingKeys.rules });
      leave(name);
    },
    onError: () => client.invalidateQueries({ queryKey: routingKeys.rules }),
  });
  const newest = useNewer(base);
  const known = documentOf(draftOf(base));
  const changes = changesBetween(known, documentOf(draft));
  const missing = problemsOf(draft);
  const problems = { ...refused(save.error, save.variables, draft), ...(tried ? missing : {}) };
  const wrong = Object.keys(missing).length > 0;
  const unreadable =
    Boolean(tested.result?.problem) ||
    (processes(draft) && Object.values(unread).some((problem) => problem !== null));
  const leaving = useRef(false);
  const leave = (name?: string) => {
    leaving.current = true;
    onClose(name);
  };
  const blocker = useBlocker({
    shouldBlockFn: () => changes.length > 0 && !leaving.current,
    enableBeforeUnload: () => changes.length > 0 && !leaving.current,
    withResolver: true,
  });
  const form = {
    draft,
    problems,
    readOnly: mayNot !== null,
    // What is changed twice before it is drawn again is changed twice.
    onChange: (next: Partial<Draft>) => setDraft((now) => ({ ...now, ...next })),
  };
  const begin = (found: Rule, document: JsonObject) => {
    setBase(found);
    setUnread({});
    setDraft({ ...(document as unknown as Draft), change_comment: draft.change_comment });
    save.reset();
  };
  return (
    <div className={css.editor}>
      <form
        className={css.form}
        aria-label={t("Rule")}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (!wrong && (!base || changes.length > 0)) save.mutate(draft);
        }}
      >
        <header className={css.editorHead}>
          <h1>{base ? base.name : t("New rule")}</h1>
          {base && <span className="dim">{t("Version {version}", { version: base.version })}</span>}
        </header>
        <div className={css.parts}>
          {newest && base && (
            <ConflictNotice
              newest={{ version: newest.version, created_at: newest.updated_at }}
              conflict={conflictOf(known, documentOf(draftOf(newest)), documentOf(draft))}
              fields={[]}
              nameOf={optionLabel}
              readable
              onKeep={(conflict) => begin(newest, rebased(documentOf(draftOf(newest)), conflict))}
              onDrop={() => begin(newest, documentOf(draftOf(newest)))}
            />
          )}
          {!base && (
            <TextInput
              label={t("Name")}
              description={t("Letters, digits, _ and -; it cannot be changed later")}
              data-autofocus
              autoFocus
              autoComplete="off"
              maxLength={200}
              value={draft.name}
              error={problems.name}
              onChange={(event) => form.onChange({ name: event.currentTarget.value })}
            />
          )}
          <WhenPart {...form} tested={tested} vocabulary={vocabulary} />
          <WhatPart {...form} />
          {processes(draft) && (
            <ProcessPart
              {...form}
              onUnreadable={(field, problem) => setUnread((now) => ({ ...now, [field]: problem }))}
            />
          )}
          <TellPart {...form} saved={base} />
          <AboutPart {...form} />
        </div>
        <footer className={css.editorEnd}>
          {!newest && <ErrorLine error={save.error} />}
          <TextInput
            className={css.why}
            aria-label={t("Why it is changed")}
            placeholder={base ? t("Why it is changed") : t("Why it is made")}
            maxLength={1000}
            readOnly={mayNot !== null}
            value={draft.change_comment}
            onChange={(event) => form.onChange({ change_comment: event.currentTarget.value })}
          />
          {mayNot && <p className="dim">{mayNot}</p>}
          <Button variant="default" onClick={() => leave()}>
            {changes.length > 0 ? t("Cancel") : t("Close")}
          </Button>
          <Button
            type="submit"
            disabled={
              mayNot !== null ||
              newest !== null ||
              unreadable ||
              (base !== null && changes.length === 0)
            }
            loading={save.isPending}
            title={changes.length > 0 ? changes.map(changed).join(", ") : undefined}
          >
            {base ? t("Save") : t("Make the rule")}
          </Button>
        </footer>
      </form>
      <Tester
        draft={draft}
        tags={tags}
        tested={tested}
        keywords={vocabulary?.tags ?? []}
        onTags={setTags}
      />
      {blocker.status === "blocked" && (
        <LeaveModal changes={changes.length} onStay={blocker.reset} onLeave={blocker.proceed} />
      )}
    </div>
  );
}

/** What was typed is not lost by a click beside it. */
function LeaveModal({
  changes,
  onStay,
  onLeave,
}: {
  changes: number;
  onStay: () => void;
  onLeave: () => void;
}) {
  return (
    <Modal opened onClose={onStay} title={t("Leave without saving?")}>
      <div className={page.form}>
        <p>
          {plural(
            changes,
            "One option is changed and not saved.",
            "{n} options are changed and not saved.",
          )}
        </p>
        <div className={page.formEnd}>
          <Button data-autofocus onClick={onStay}>
            {t("Go on editing")}
          </Button>
          <Button variant="outline" color="red" onClick={onLeave}>
            {t("Leave")}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

const changed = (change: Parameters<typeof pathOf>[0]) => optionLabel(pathOf(change));

/** A tag that is kept and was not typed is empty, as in an image that lacks it. */
function useAllTags(keywords: string[] | undefined, typed: Record<string, string>) {
  const [known, setKnown] = useState({ keywords, typed, all: typed });
  if (known.keywords === keywords && known.typed === typed) return known.all;
  const empty = Object.fromEntries((keywords ?? []).map((keyword) => [keyword, ""]));
  const all = { ...empty, ...typed };
  setKnown({ keywords, typed, all });
  return all;
}

/** The rule in force, when somebody has saved it since `base` was read. */
function useNewer(base: Rule | null): Rule | null {
  const all = useQuery({ ...routingQueries.rules, enabled: base !== null }).data;
  const found = base && all?.find(({ name }) => name === base.name);
  return found && found.version > base.version ? found : null;
}

interface Problem {
  field: string;
  problem: string;
}

function problemsIn(error: unknown): Problem[] {
  const found = error instanceof ApiError ? error.members.problems : null;
  return Array.isArray(found) ? (found as Problem[]) : [];
}

/** What the server refused, at the options that nobody has changed since. */
function refused(error: unknown, sent: Draft | undefined, now: Draft): Record<string, string> {
  const [before, after] = [sent, now] as unknown as [JsonObject | undefined, JsonObject];
  return Object.fromEntries(
    problemsIn(error)
      .filter(({ field }) => before?.[field] === after[field])
      .map(({ field, problem }) => [field, problem]),
  );
}

import { Button, FileButton, Select, TextInput } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type DragEvent, useState } from "react";

import { dryRunRule, getSeriesTags, readFileTags, type RuleDryRun } from "../../api/routing";
import { t } from "../../i18n";
import { dayOrClock } from "../../shared/format";
import past from "../../shared/history.module.css";
import page from "../../shared/page.module.css";
import { useMayTryOut } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { type Draft, outcomeOf } from "./rule";
import css from "./rules.module.css";
import type { Tested } from "./useRuleTest";

interface Props {
  draft: Draft;
  /** What was typed, or came from a file or a series. */
  tags: Record<string, string>;
  tested: Tested;
  keywords: string[];
  onTags: (tags: Record<string, string>) => void;
}

const TRIES = { tags: t("On tags"), last: t("On what came last") } as const;

/** Whether the rule would fire: for tags, a file, a series, or the series received last. */
export function Tester(props: Props) {
  const [on, setOn] = useState<keyof typeof TRIES>("tags");
  const mayNot = useMayTryOut();
  return (
    <aside className={css.tester} aria-label={t("Try it out")}>
      <header className={css.stateLine}>
        <h2>{t("Try it out")}</h2>
        <div role="group" aria-label={t("Try it")} className={page.choice}>
          {(Object.keys(TRIES) as (keyof typeof TRIES)[]).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === on}
              disabled={mayNot !== null}
              onClick={() => setOn(name)}
            >
              {TRIES[name]}
            </button>
          ))}
        </div>
      </header>
      {mayNot ? (
        <p className="dim">{mayNot}</p>
      ) : on === "tags" ? (
        <OnTags {...props} />
      ) : (
        <OnLast {...props} onShown={() => setOn("tags")} />
      )}
    </aside>
  );
}

function OnTags({ draft, tags, tested, keywords, onTags }: Props) {
  const [from, setFrom] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const read = useMutation({
    mutationFn: (file: File) => readFileTags(file),
    onSuccess: (found, file) => {
      onTags(found);
      setFrom(file.name);
    },
  });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) read.mutate(file);
  };
  return (
    <div
      className={css.onTags}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Outcome draft={draft} tested={tested} />
      <div className={css.stateLine}>
        <FileButton onChange={(file) => file && read.mutate(file)} accept="application/dicom,.dcm">
          {(button) => (
            <Button
              {...button}
              variant="default"
              leftSection={<IconFileUpload size={16} />}
              loading={read.isPending}
            >
              {t("Tags of a DICOM file")}
            </Button>
          )}
        </FileButton>
        <span className="dim">
          {from ? t("From {from}", { from }) : t("or drop one here; it is not kept")}
        </span>
      </div>
      <ErrorLine error={read.error} />
      <TagTable tags={tags} tested={tested} keywords={keywords} onTags={onTags} />
    </div>
  );
}

function Outcome({ draft, tested }: { draft: Draft; tested: Tested }) {
  const { result, error } = tested;
  if (error) return <ErrorLine error={error} />;
  const { kind, look, why } = outcomeOf(draft, result);
  return (
    <div role="status" aria-label={t("Outcome")} className={css.outcome} data-kind={kind}>
      <StatusBadge look={look} />
      <span>{why}</span>
    </div>
  );
}

/** The tags that the condition looks at, and all others on demand. */
function TagTable({ tags, tested, keywords, onTags }: Omit<Props, "draft">) {
  const [all, setAll] = useState(false);
  const accessed = tested.result?.tags_accessed ?? [];
  const unknown = accessed.filter(({ known }) => !known).map(({ keyword }) => keyword);
  const looked = accessed.map(({ keyword }) => keyword);
  const filled = Object.keys(tags).filter((keyword) => tags[keyword]);
  const rest = (all ? [...new Set([...filled, ...keywords])] : []).filter(
    (keyword) => !looked.includes(keyword),
  );
  const typed = filled.filter((keyword) => !looked.includes(keyword));
  const others = rest.toSorted((a, b) => a.localeCompare(b));
  const row = (keyword: string, note?: string) => (
    <TextInput
      key={keyword}
      label={keyword}
      error={note}
      placeholder={t("empty")}
      autoComplete="off"
      value={tags[keyword] ?? ""}
      onChange={(event) => onTags({ ...tags, [keyword]: event.currentTarget.value })}
    />
  );
  return (
    <div className={css.tags}>
      <h3>{looked.length > 0 ? t("Tags that it looks at") : t("It looks at no tag yet")}</h3>
      <div className={css.tagGrid}>
        {looked.map((keyword) =>
          row(
            keyword,
            unknown.includes(keyword) ? t("no such tag is kept: the rule never holds") : undefined,
          ),
        )}
      </div>
      <button type="button" className={css.more} onClick={() => setAll(!all)} aria-expanded={all}>
        {all
          ? t("Fewer tags")
          : t("All tags{which}", {
              which: typed.length > 0 ? t(" ({n} more have values)", { n: typed.length }) : "",
            })}
      </button>
      {all && <div className={css.tagGrid}>{others.map((keyword) => row(keyword))}</div>}
    </div>
  );
}

// --- on what came last -----------------------------------------------------------------------

const COUNTS = [10, 50, 200];

function OnLast({ draft, onTags, onShown }: Props & { onShown: () => void }) {
  const [count, setCount] = useState(50);
  const rule = draft.rule;
  const found = useQuery({
    queryKey: ["dry run", rule, count],
    queryFn: () => dryRunRule(rule, count),
    enabled: rule.trim() !== "",
    gcTime: 10_000,
  });
  const show = useMutation({
    mutationFn: (series: RuleDryRun) => getSeriesTags(series.series_instance_uid),
    onSuccess: (tags) => {
      onTags(tags);
      onShown();
    },
  });
  if (rule.trim() === "") return <p className="dim">{t("Write a condition first.")}</p>;
  return (
    <div className={css.onTags}>
      <Select
        label={t("Series received last")}
        data={COUNTS.map((choice) => ({
          value: String(choice),
          label: t("the last {choice}", { choice }),
        }))}
        allowDeselect={false}
        value={String(count)}
        onChange={(next) => next && setCount(Number(next))}
      />
      <ErrorLine error={show.error} />
      <QueryView query={found} rows={6} safe={t("Nothing was sent: this only looks.")}>
        {(all) => (
          <>
            <p role="status">
              {all.length === 0
                ? t("No series was received yet: send one, or try it on tags.")
                : t("It would have fired for {fired} of {all}.", {
                    fired: all.filter(({ result }) => result.triggered).length,
                    all: all.length,
                  })}
            </p>
            <ul className={past.list} aria-label={t("Series received last")}>
              {all.map((series) => {
                const { look, why } = outcomeOf(draft, series.result);
                return (
                  <li key={series.series_instance_uid}>
                    <button
                      type="button"
                      className={past.head}
                      onClick={() => show.mutate(series)}
                      title={why}
                    >
                      <StatusBadge look={look} />
                      <span className={css.seriesName}>
                        {series.series_description || t("no description")}
                      </span>
                      <span className="dim live-number">
                        {series.modality} · {dayOrClock(series.received_at)}
                      </span>
                      {(series.result.error || series.result.missing) && (
                        <span className={css.reason}>{why}</span>
                      )}
                    </button>
                  </li>
                );
              })}
            </ul>
            {all.length > 0 && (
              <p className="dim">{t("Choose one to try the rule on its tags.")}</p>
            )}
          </>
        )}
      </QueryView>
    </div>
  );
}

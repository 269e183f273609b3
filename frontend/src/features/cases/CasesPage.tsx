import { Button, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconStackFront } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { imageQueries } from "../../api/imageQueries";
import type { Case, CaseState } from "../../api/images";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { patientWords } from "../../shared/dicomText";
import { dayAndClock, plainReason, withLocalTimes } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { PauseBanner } from "../queue/PauseBanner";
import { CaseDetail } from "./CaseDetail";
import { CASE_STATE, CASE_STATES, caseReason, ruleWords, subjectWords } from "./looks";

const COLUMNS: Column<Case>[] = [
  {
    key: "state",
    head: t("State"),
    width: "128px",
    cell: ({ state }) => <StatusBadge look={CASE_STATE[state]} />,
  },
  {
    key: "patient",
    head: t("Patient"),
    width: "minmax(120px, 1.2fr)",
    cell: (row) => <strong>{patientWords(row)}</strong>,
  },
  {
    key: "about",
    head: t("Series or study"),
    width: "minmax(110px, 1.2fr)",
    cell: (row) => <span title={row.study_description}>{subjectWords(row)}</span>,
  },
  {
    key: "rule",
    head: t("Rule"),
    width: "minmax(90px, 1fr)",
    optional: true,
    cell: (row) => (row.rule ? ruleWords(row) : <span className="dim">{ruleWords(row)}</span>),
  },
  {
    key: "why",
    head: t("Why"),
    width: "minmax(140px, 2fr)",
    cell: (row) => (
      <span title={withLocalTimes(plainReason(row.reason))}>
        {withLocalTimes(caseReason(row, plainReason))}
        {row.waits_until &&
          !/\buntil\b/.test(row.reason) &&
          t(" Until {waitsUntil}.", { waitsUntil: dayAndClock(row.waits_until) })}
      </span>
    ),
  },
  {
    key: "opened",
    head: t("Opened"),
    width: "124px",
    optional: true,
    cell: ({ opened_at }) => <span className="live-number">{dayAndClock(opened_at)}</span>,
  },
];

interface Props {
  filter: string;
  state: CaseState | null;
  rule: string | null;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onState: (state: CaseState | null) => void;
  onRule: (rule: string | null) => void;
  onSelect: (id: string | null) => void;
}

export function CasesPage(props: Props) {
  const { filter, state, rule, selectedId, onFilter, onState, onRule, onSelect } = props;
  const [text] = useDebouncedValue(filter.trim(), 200);
  const cases = useInfiniteQuery(imageQueries.cases({ state, rule, text }));
  const rules = useQuery(imageQueries.rules).data ?? [];
  const names = [...new Set([...rules.map(({ name }) => name), ...(rule ? [rule] : [])])];
  return (
    <div className={page.page}>
      <PageHead
        title={t("Cases")}
        filter={filter}
        placeholder={t("Filter by patient, study, rule")}
        onFilter={onFilter}
      >
        <Select
          aria-label={t("State")}
          placeholder={t("Any state")}
          clearable
          className={page.select}
          value={state}
          onChange={(next) => onState(next as CaseState | null)}
          data={CASE_STATES.map((value) => ({ value, label: CASE_STATE[value].word }))}
        />
        <Select
          aria-label={t("Rule")}
          placeholder={t("Any rule")}
          clearable
          searchable
          className={page.select}
          value={rule}
          onChange={onRule}
          data={names}
        />
      </PageHead>
      <PauseBanner />
      <ListAndDetail
        query={cases}
        rows={cases.data}
        safe={t("Images are received and sent as before; only this list could not be read.")}
        label={t("Cases")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(cases)}
        empty={<Nothing {...props} />}
        detail={
          selectedId && (
            <CaseDetail key={selectedId} id={selectedId} onClose={() => onSelect(null)} />
          )
        }
      />
    </div>
  );
}

function Nothing({ filter, state, rule, onFilter, onState, onRule }: Props) {
  if (filter || state || rule) {
    return (
      <Empty
        icon={IconStackFront}
        title={t("No case matches")}
        action={
          <Button
            variant="default"
            onClick={() => {
              if (filter) onFilter("");
              else if (state) onState(null);
              else onRule(null);
            }}
          >
            {filter ? t("Clear the filter") : state ? t("Any state") : t("Any rule")}
          </Button>
        }
      >
        {t("A series that still arrives has no case yet.")}
      </Empty>
    );
  }
  return (
    <Empty icon={IconStackFront} title={t("No cases yet")}>
      {t(
        "A case opens when the images of a series or a study are complete. Send images to the DICOM node, or upload some.",
      )}
    </Empty>
  );
}

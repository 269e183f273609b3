import { Button, Select } from "@mantine/core";
import { IconCalendarEvent, IconUserPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";

import { atEndOf } from "../../api/pages";
import { queries } from "../../api/queries";
import type { Device, Patient, WorklistItem } from "../../api/types";
import { worklistPages, type WorkState } from "../../api/worklist";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { ColumnsMenu, useColumns } from "../../shared/columns";
import { DataTable } from "../../shared/DataTable";
import { day } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, Loading, QueryView } from "../../shared/states";
import { useNow } from "../../shared/useNow";
import { ALWAYS, columnsOf } from "./columns";
import { StateChoice } from "./StateChoice";
import { useBarcode } from "./useBarcode";
import { useTyped } from "./useTyped";
import { arrange, countStates, type Days, matching } from "./worklist";
import css from "./worklist.module.css";

const PatientModal = lazy(() => import("../patients/PatientModal"));
const StartExamModal = lazy(() => import("../patients/StartExamModal"));

export interface Choice {
  filter: string;
  days: Days;
  state: WorkState | null;
  deviceId: string | null;
}

interface Props extends Choice {
  onChoice: (change: Partial<Choice>) => void;
}

export function WorklistPage({ onChoice, ...choice }: Props) {
  const { filter, days, state, deviceId } = choice;
  const navigate = useNavigate();
  const [registering, setRegistering] = useState(false);
  const [planFor, setPlanFor] = useState<Patient | null>(null);
  const today = day(useNow(true, 60_000));
  const devices = useQuery(queries.devices).data ?? NO_DEVICES;
  const all = useMemo(() => columnsOf(today, devices), [today, devices]);
  const { columns, hidden, toggle } = useColumns("worklist", all);
  const { typed, shown, type } = useTyped(filter, (text) => onChoice({ filter: text }));
  // A day is known whole, and chosen from here; of all days the server tells what is asked for.
  const whole = days === "today" && filter === "";
  const worklist = useInfiniteQuery(
    worklistPages({
      day: whole ? today : null,
      search: filter,
      state: whole ? null : state,
      deviceId: whole ? null : deviceId,
    }),
  );
  const items = worklist.data ?? NO_ITEMS;
  const answered = !worklist.isPlaceholderData;
  const rows = useMemo(() => {
    // What the server has found need not contain the words as they are spelled here.
    const search = answered && shown === filter ? "" : shown;
    return arrange(matching(items, { search, state, deviceId }));
  }, [items, answered, shown, filter, state, deviceId]);
  const counts = useMemo(
    () => (whole && answered ? countStates(items) : null),
    [whole, answered, items],
  );
  const { enter, expect, found } = useFound(answered && typed === filter);
  useBarcode((code) => {
    expect();
    onChoice({ filter: code });
  });
  const open = ({ exam }: WorklistItem) =>
    void navigate({ to: "/exams/$examId", params: { examId: exam.id } });
  return (
    <div className={page.page}>
      <PageHead
        title={t("Worklist")}
        filter={typed}
        placeholder={t("Find by name, ID, birth date, exam")}
        onFilter={type}
        onEnter={enter}
      >
        <ColumnsMenu all={all} always={ALWAYS} hidden={hidden} onToggle={toggle} />
        <DaysChoice days={days} onDays={(next) => onChoice({ days: next })} />
        <Button leftSection={<IconUserPlus size={16} />} onClick={() => setRegistering(true)}>
          {t("Register patient")}
        </Button>
      </PageHead>
      <div className={css.filters}>
        <StateChoice state={state} counts={counts} onState={(next) => onChoice({ state: next })} />
        <Select
          className={css.device}
          aria-label={t("Device")}
          placeholder={t("All devices")}
          clearable
          searchable
          data={devices.map(({ id, name }) => ({ value: id, label: name }))}
          value={deviceId}
          onChange={(next) => onChoice({ deviceId: next })}
        />
      </div>
      <QueryView
        query={worklist}
        rows={10}
        safe={t("No exam is lost: this list could not be read. A running scan goes on.")}
      >
        {() =>
          rows.length > 0 ? (
            <div className={css.found} ref={found}>
              <DataTable
                label={t("Worklist")}
                rows={rows}
                columns={columns}
                rowId={({ exam }) => exam.id}
                onOpen={open}
                onEnd={atEndOf(worklist)}
              />
            </div>
          ) : answered && shown === filter ? (
            <Nothing {...choice} onChoice={onChoice} />
          ) : (
            <Loading rows={3} label={t("Searching")} />
          )
        }
      </QueryView>
      <Suspense>
        {registering && (
          <PatientModal
            patient={null}
            onClose={() => setRegistering(false)}
            onSaved={(patient) => setPlanFor(patient)}
          />
        )}
        {planFor && <StartExamModal patient={planFor} onClose={() => setPlanFor(null)} />}
      </Suspense>
    </div>
  );
}

const NO_ITEMS: WorklistItem[] = [];
const NO_DEVICES: Device[] = [];

/** After Enter the first row that was found has the focus: one more Enter opens it. */
function useFound(settled: boolean) {
  const found = useRef<HTMLDivElement>(null);
  const wanted = useRef(false);
  useEffect(() => {
    if (!wanted.current || !settled) return;
    wanted.current = false;
    focusFirst(found.current);
  });
  return {
    found,
    /** Goes there now, or when the answer to what was typed is here. */
    enter: () => {
      if (settled) focusFirst(found.current);
      else wanted.current = true;
    },
    /** The same for what is about to be asked. */
    expect: () => {
      wanted.current = true;
    },
  };
}

const focusFirst = (table: HTMLElement | null) =>
  table?.querySelector<HTMLElement>('[data-row-index="0"]')?.focus();

function DaysChoice({ days, onDays }: { days: Days; onDays: (days: Days) => void }) {
  return (
    <div className={page.choice} role="group" aria-label={t("Days")}>
      <button type="button" aria-pressed={days === "today"} onClick={() => onDays("today")}>
        {t("Today")}
      </button>
      <button type="button" aria-pressed={days === "all"} onClick={() => onDays("all")}>
        {t("All days")}
      </button>
    </div>
  );
}

function Nothing({ filter, days, state, deviceId, onChoice }: Props) {
  if (filter) {
    return (
      <Empty
        title={t("Nothing matches “{filter}”", { filter })}
        action={
          <Button
            variant="default"
            onClick={() => onChoice({ filter: "", state: null, deviceId: null })}
          >
            {t("Clear the filter")}
          </Button>
        }
      >
        {rich("The patient may be registered without an exam: <a>look among all patients</a>.", {
          a: <Link to="/patients" search={{ q: filter }} />,
        })}
      </Empty>
    );
  }
  if (state || deviceId) {
    return (
      <Empty
        title={days === "today" ? t("No such exam today") : t("No such exam")}
        action={
          <Button variant="default" onClick={() => onChoice({ state: null, deviceId: null })}>
            {t("Show every state and device")}
          </Button>
        }
      />
    );
  }
  return (
    <Empty
      icon={IconCalendarEvent}
      title={days === "today" ? t("No exams today") : t("No exams yet")}
      action={
        days === "today" && (
          <Button variant="default" onClick={() => onChoice({ days: "all" })}>
            {t("Show all days")}
          </Button>
        )
      }
    >
      {rich(
        "Register a patient, or <a>choose one of the patients</a> and start an exam. New here? <a2>Get started</a2> step by step.",
        {
          a: <Link to="/patients" />,
          a2: <Link to="/welcome" />,
        },
      )}
    </Empty>
  );
}

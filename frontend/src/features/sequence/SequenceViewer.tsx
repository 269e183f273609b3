import { Button, Select } from "@mantine/core";
import { IconMaximize, IconZoomIn, IconZoomOut } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useState } from "react";

import { queries } from "../../api/queries";
import { plotQueries } from "../../api/sequencePlot";
import type { Sequence } from "../../api/types";
import { t } from "../../i18n";
import { Empty } from "../../shared/states";
import { type Range, within, zoomed } from "../plot/scale";
import { Charts } from "./Charts";
import { Comparison } from "./Comparison";
import { FactList } from "./FactList";
import css from "./sequence.module.css";

interface Props {
  sequence: Sequence;
  /** What is told of it beside its facts: the verdict of the safety check for a task. */
  children?: ReactNode;
  /** Which sequence it is compared with, where the address of the page says so. */
  compared?: { id: string | null; onChange: (id: string | null) => void };
}

const LEAST_S = 2e-6;

/** What a sequence plays, exact however closely it is looked at; beside another one if asked. */
export default function SequenceViewer({ sequence, children, compared }: Props) {
  const [ownOther, setOwnOther] = useState<string | null>(null);
  const otherId = compared ? compared.id : ownOther;
  const sequences = useQuery(queries.sequences).data ?? [];
  const other = sequences.find(({ _id }) => _id === otherId && _id !== sequence._id) ?? null;
  const shown = other ? [sequence, other] : [sequence];
  const length = Math.max(
    useDuration(sequence._id) ?? sequence.facts?.duration_s ?? 0,
    useDuration(other?._id ?? sequence._id) ?? other?.facts?.duration_s ?? 0,
  );
  const whole: Range = { from: 0, to: length };
  const [chosen, setChosen] = useState<Range | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const window = chosen ?? whole;
  const show = (asked: Range | null) => {
    const next = asked && within(asked, whole, LEAST_S);
    setChosen(next && next.to - next.from < length * 0.999 ? next : null);
  };
  const zoom = (factor: number) => {
    const held = cursor !== null && cursor >= window.from && cursor <= window.to;
    show(zoomed(window, factor, held ? cursor : (window.from + window.to) / 2));
  };
  const move = (share: number) => {
    const by = share * (window.to - window.from);
    show({ from: window.from + by, to: window.to + by });
  };
  const keys: Record<string, () => void> = {
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    "0": () => show(null),
    ArrowLeft: () => move(-0.25),
    ArrowRight: () => move(0.25),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  return (
    <div className={css.viewer}>
      <header className={css.head}>
        <Select
          aria-label={t("Compare with")}
          placeholder={t("Compare with another sequence")}
          size="xs"
          className={css.compare}
          searchable
          clearable
          value={otherId}
          onChange={compared?.onChange ?? setOwnOther}
          nothingFoundMessage={t("No other sequence")}
          data={sequences
            .filter(({ _id }) => _id !== sequence._id)
            .map((one) => ({ value: one._id, label: labelOf(one, sequences) }))}
        />
        <div className={css.zoom} role="group" aria-label={t("Time shown")}>
          <ZoomButton label={t("Closer (+)")} Icon={IconZoomIn} onClick={() => zoom(0.5)} />
          <ZoomButton label={t("Wider (-)")} Icon={IconZoomOut} onClick={() => zoom(2)} />
          <ZoomButton
            label={t("The whole sequence (0)")}
            Icon={IconMaximize}
            onClick={() => show(null)}
          />
        </div>
      </header>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a group of plots that takes keys */}
      <div
        className={css.sequences}
        role="group"
        aria-label={t("Plots. Drag to zoom, arrows to move, plus and minus to zoom.")}
        data-several={other !== null || undefined}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keys need a focus
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        {length > 0 ? (
          shown.map((one) => (
            <Charts
              key={one._id}
              sequence={one}
              titled={other !== null}
              whole={whole}
              window={window}
              cursor={cursor}
              onCursor={setCursor}
              onWindow={show}
            />
          ))
        ) : (
          <Waiting sequence={sequence} />
        )}
      </div>
      {children && <div className={css.verdict}>{children}</div>}
      {other ? (
        <Comparison left={sequence} right={other} />
      ) : sequence.facts ? (
        <FactList facts={sequence.facts} />
      ) : (
        <p className={css.note}>{t("Nothing is known of this sequence but its file.")}</p>
      )}
    </div>
  );
}

/** Versions of one name are told apart. */
function labelOf({ name, lineage_version }: Sequence, all: Sequence[]): string {
  const several = all.filter((other) => other.name === name).length > 1;
  return several
    ? t("{name}, version {lineageVersion}", { name, lineageVersion: lineage_version ?? 1 })
    : name;
}

function useDuration(id: string): number | undefined {
  return useQuery(plotQueries.plot(id, null)).data?.duration;
}

/** The length is not known yet, or the sequence plays nothing. */
function Waiting({ sequence }: { sequence: Sequence }) {
  const plot = useQuery(plotQueries.plot(sequence._id, null));
  if (plot.data)
    return <Empty title={t("Nothing is played")}>{t("The sequence has no length.")}</Empty>;
  return (
    <Charts
      sequence={sequence}
      titled={false}
      whole={{ from: 0, to: 1 }}
      window={{ from: 0, to: 1 }}
      cursor={null}
      onCursor={() => undefined}
      onWindow={() => undefined}
    />
  );
}

function ZoomButton({
  label,
  Icon,
  onClick,
}: {
  label: string;
  Icon: typeof IconZoomIn;
  onClick: () => void;
}) {
  return (
    <Button variant="subtle" size="xs" px={10} aria-label={label} title={label} onClick={onClick}>
      <Icon size={18} aria-hidden />
    </Button>
  );
}

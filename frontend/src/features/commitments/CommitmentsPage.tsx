import { IconShieldCheck } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";

import type { Commitment, CommitmentState } from "../../api/commitments";
import { imageQueries } from "../../api/imageQueries";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { ArchiveTabs } from "../../shared/SubNav";
import { COMMITMENT_STATE, COMMITMENT_STATES, keptWords, untoldWords } from "./commitment";
import { CommitmentDetail } from "./CommitmentDetail";

const COLUMNS: Column<Commitment>[] = [
  {
    key: "state",
    head: t("State"),
    width: "104px",
    cell: ({ state }) => <StatusBadge look={COMMITMENT_STATE[state]} />,
  },
  {
    key: "who",
    head: t("Asked by"),
    width: "minmax(120px, 1fr)",
    cell: ({ peer_aet, address }) => (
      <>
        <strong>{peer_aet}</strong> <span className="dim">{address}</span>
      </>
    ),
  },
  {
    key: "images",
    head: t("Images"),
    width: "minmax(150px, 1fr)",
    cell: (row) => <span className="live-number">{keptWords(row)}</span>,
  },
  {
    key: "why",
    head: t("Why not"),
    width: "minmax(140px, 2fr)",
    optional: true,
    cell: untoldWords,
  },
  {
    key: "came",
    head: t("Came"),
    width: "124px",
    cell: ({ received_at }) => <span className="live-number">{dayAndClock(received_at)}</span>,
  },
];

interface Props {
  state: CommitmentState | null;
  selectedId: string | null;
  onState: (state: CommitmentState | null) => void;
  onSelect: (id: string | null) => void;
}

/** Which nodes asked us to keep what they sent, and whether they have heard. */
export function CommitmentsPage({ state, selectedId, onState, onSelect }: Props) {
  const found = useInfiniteQuery(imageQueries.commitments(state));
  return (
    <div className={page.page}>
      <ArchiveTabs />
      <header className={page.head}>
        <h1>{t("Storage commitment")}</h1>
        <p className="dim">{t("Nodes that asked whether their images are kept here.")}</p>
        <div className={page.actions}>
          <div className={page.choice} role="group" aria-label={t("Which")}>
            {[null, ...COMMITMENT_STATES].map((choice) => (
              <button
                key={choice}
                type="button"
                aria-pressed={choice === state}
                onClick={() => onState(choice)}
              >
                {choice === null ? t("All") : COMMITMENT_STATE[choice].word}
              </button>
            ))}
          </div>
        </div>
      </header>
      <ListAndDetail
        query={found}
        rows={found.data}
        safe={t("The images are stored, and nodes are told all the same.")}
        label={t("Storage commitment")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(found)}
        empty={
          state === null ? (
            <Empty icon={IconShieldCheck} title={t("No node has asked yet")}>
              {t(
                "A scanner that is set up for storage commitment asks after it has sent its images, and deletes its own when it hears that they are kept here.",
              )}
            </Empty>
          ) : (
            <Empty icon={IconShieldCheck} title={t("None in this state")} />
          )
        }
        detail={
          selectedId && (
            <CommitmentDetail key={selectedId} id={selectedId} onClose={() => onSelect(null)} />
          )
        }
      />
    </div>
  );
}

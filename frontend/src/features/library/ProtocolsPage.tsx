import { Button, Menu } from "@mantine/core";
import { IconDownload, IconFileImport, IconPlus, IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { libraryQueries, type Protocol } from "../../api/library";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayPlan } from "../../shared/roles";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { LibraryTabs } from "../../shared/SubNav";
import { STANDING, versionWords } from "./protocol";
import { ProtocolDetail } from "./ProtocolDetail";

const NewProtocolModal = lazy(() => import("./NewProtocolModal"));
const ImportModal = lazy(() => import("./ImportModal"));

const COLUMNS: Column<Protocol>[] = [
  {
    key: "name",
    head: t("Protocol"),
    width: "minmax(150px, 2fr)",
    cell: ({ name }) => <strong>{name}</strong>,
  },
  {
    key: "standing",
    head: t("Newest"),
    width: "104px",
    cell: ({ newest }) => <StatusBadge look={STANDING[newest.standing]} />,
  },
  {
    key: "versions",
    head: t("Version"),
    width: "minmax(90px, 1fr)",
    cell: versionWords,
  },
  { key: "tasks", head: t("Tasks"), width: "56px", cell: ({ tasks }) => tasks },
  {
    key: "sequences",
    head: t("Sequences"),
    width: "minmax(120px, 1.5fr)",
    optional: true,
    cell: ({ sequences }) =>
      sequences.map(({ name }) => name).join(", ") || <span className="dim">{t("none")}</span>,
  },
  {
    key: "changed",
    head: t("Changed"),
    width: "96px",
    optional: true,
    cell: ({ changed }) => <span className="live-number">{dayOrClock(changed)}</span>,
  },
];

/** Which protocols are shown. */
export const SHOWN = ["all", "released", "drafts"] as const;
export type Shown = (typeof SHOWN)[number];
const SHOWN_WORDS: Record<Shown, string> = {
  all: t("All"),
  released: t("Released"),
  drafts: t("Drafts"),
};
const RELEASED: Record<Shown, boolean | null> = { all: null, released: true, drafts: false };

interface Props {
  filter: string;
  shown: Shown;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onShown: (shown: Shown) => void;
  onSelect: (id: string | null) => void;
}

/** What can be scanned: protocols in versions. */
export function ProtocolsPage({ filter, shown, selectedId, onFilter, onShown, onSelect }: Props) {
  const protocols = useInfiniteQuery(libraryQueries.protocols(filter.trim(), RELEASED[shown]));
  const [dialog, setDialog] = useState<"new" | "import" | null>(null);
  const mayNot = useMayPlan();
  const navigate = useNavigate();
  const close = () => setDialog(null);
  // The detail may be of an older version than the newest one, by which the row is known.
  const selected = protocols.data?.find(
    ({ newest, released }) => newest.exam_id === selectedId || released?.exam_id === selectedId,
  );
  return (
    <div className={page.page}>
      <LibraryTabs />
      <PageHead
        title={t("Protocols")}
        filter={filter}
        placeholder={t("Search names and descriptions")}
        onFilter={onFilter}
      >
        <div className={page.choice} role="group" aria-label={t("Which")}>
          {SHOWN.map((which) => (
            <button
              key={which}
              type="button"
              aria-pressed={which === shown}
              onClick={() => onShown(which)}
            >
              {SHOWN_WORDS[which]}
            </button>
          ))}
        </div>
        <Menu position="bottom-end" shadow="md">
          <Menu.Target>
            <Button leftSection={<IconPlus size={16} />} {...guarded(mayNot)}>
              {t("Add protocol")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconPlus size={16} />} onClick={() => setDialog("new")}>
              {t("New, from nothing")}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconFileImport size={16} />}
              onClick={() => setDialog("import")}
            >
              {t("Import a file")}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconDownload size={16} />}
              onClick={() => void navigate({ to: "/welcome", search: { step: "protocol" } })}
            >
              {t("A ready one")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </PageHead>
      <ListAndDetail
        query={protocols}
        rows={protocols.data}
        safe={t("No protocol was changed.")}
        label={t("Protocols")}
        columns={COLUMNS}
        rowId={({ newest }) => newest.exam_id}
        selectedId={selected?.newest.exam_id ?? selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(protocols)}
        empty={<Nothing filter={filter} shown={shown} />}
        detail={
          selectedId && (
            <ProtocolDetail
              key={selectedId}
              examId={selectedId}
              onOpen={onSelect}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
      <Suspense>
        {dialog === "new" && <NewProtocolModal onClose={close} onMade={onSelect} />}
        {dialog === "import" && <ImportModal onClose={close} onMade={onSelect} />}
      </Suspense>
    </div>
  );
}

function Nothing({ filter, shown }: Pick<Props, "filter" | "shown">) {
  if (filter || shown !== "all") {
    return (
      <Empty icon={IconStack2} title={t("No protocol matches")}>
        {t("Search for other words, or show all protocols.")}
      </Empty>
    );
  }
  return (
    <Empty
      icon={IconStack2}
      title={t("No protocols yet")}
      action={
        <Link to="/welcome" search={{ step: "protocol" }}>
          {t("Take a ready one")}
        </Link>
      }
    >
      {t(
        "A protocol is what exams are made from: workflows with scans and what is computed from them. Make one, or import a file.",
      )}
    </Empty>
  );
}

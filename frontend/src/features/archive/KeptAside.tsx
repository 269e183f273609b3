import { Anchor, Button } from "@mantine/core";
import { IconArchive, IconShieldCheck } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import { type KeptAside as Kept, keptFileUrl, recoverKept } from "../../api/archive";
import { imageKeys, imageQueries } from "../../api/imageQueries";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import { type Column, DataTable } from "../../shared/DataTable";
import { dayAndClock, plainReason } from "../../shared/format";
import { OlderOnes } from "../../shared/OlderOnes";
import { guarded, useMayRecover } from "../../shared/roles";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import { containsWords } from "../worklist/worklist";
import { ASIDE_WORDS } from "./search";

const columns = (mayNot: string | null, onTake: (id: string) => void): Column<Kept>[] => [
  {
    key: "time",
    head: t("Received"),
    width: "124px",
    cell: ({ received_at }) => <span className="live-number">{dayAndClock(received_at)}</span>,
  },
  {
    key: "what",
    head: t("What"),
    width: "minmax(172px, 0.9fr)",
    cell: ({ kind }) => <strong>{ASIDE_WORDS[kind]}</strong>,
  },
  {
    key: "detail",
    head: t("Why"),
    width: "minmax(200px, 3fr)",
    cell: ({ detail }) => <span title={detail}>{detail}</span>,
  },
  {
    key: "source",
    head: t("From"),
    width: "minmax(90px, 0.7fr)",
    cell: ({ source }) => plainReason(source) || <span className="dim">–</span>,
  },
  {
    key: "times",
    head: t("Came"),
    width: "128px",
    cell: ({ times, last_received_at }) => (
      <span className="live-number">
        {times === 1
          ? t("once")
          : t("{times} ×, last {lastReceivedAt}", {
              times,
              lastReceivedAt: dayAndClock(last_received_at),
            })}
      </span>
    ),
  },
  {
    key: "file",
    head: t("File"),
    width: "80px",
    cell: ({ id, kind }) =>
      kind !== "other-patient" && (
        <Anchor
          size="sm"
          href={keptFileUrl(id)}
          download
          onClick={(event) => event.stopPropagation()}
        >
          {t("Download")}
        </Anchor>
      ),
  },
  {
    key: "take",
    head: t("Archive"),
    width: "104px",
    cell: ({ id, kind }) =>
      kind !== "other-patient" && (
        <Button
          size="xs"
          variant="subtle"
          leftSection={<IconArchive size={14} />}
          {...guarded(mayNot)}
          onClick={(event) => {
            event.stopPropagation();
            onTake(id);
          }}
        >
          {t("Take in")}
        </Button>
      ),
  },
];

/** What came and did not enter the archive as it is, or not without a doubt: nothing is thrown away. */
export function KeptAside({
  filter,
  onStudy,
}: {
  filter: string;
  onStudy: (study: string) => void;
}) {
  const client = useQueryClient();
  const query = useInfiniteQuery(imageQueries.keptAside);
  const mayNot = useMayRecover();
  const take = useMutation({
    mutationFn: recoverKept,
    onSuccess: ({ study_instance_uid: study }) => onStudy(study),
    onSettled: () => client.invalidateQueries({ queryKey: imageKeys.archive }),
  });
  return (
    <QueryView query={query} rows={8} safe={t("What was kept aside is safe on the disk.")}>
      {(kept) => {
        const rows = kept.filter(({ kind, detail, source, sop_instance_uid }) =>
          containsWords([ASIDE_WORDS[kind], detail, source, sop_instance_uid], filter),
        );
        const older = filter && <OlderOnes query={query} />;
        if (rows.length === 0) {
          return (
            <Empty
              icon={IconShieldCheck}
              title={filter ? t("Nothing matches") : t("Nothing was kept aside")}
              action={older}
            >
              {t(
                "Files that cannot be read, a second object under a UID that is taken, and images that name another patient than their study are told of here.",
              )}
            </Empty>
          );
        }
        return (
          <>
            <ErrorLine error={take.error} />
            <DataTable
              label={t("Kept aside")}
              rows={rows}
              columns={columns(mayNot, take.mutate)}
              rowId={({ id }) => id}
              onOpen={({ study_instance_uid: study }) => study && onStudy(study)}
              onEnd={filter ? undefined : atEndOf(query)}
            />
            {older}
          </>
        );
      }}
    </QueryView>
  );
}

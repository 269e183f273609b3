import { Button } from "@mantine/core";
import { IconLockOpen, IconShieldLock } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { imageQueries } from "../../api/imageQueries";
import { atEndOf } from "../../api/pages";
import type { Hold } from "../../api/upkeep";
import { upkeepQueries } from "../../api/upkeepQueries";
import { t } from "../../i18n";
import { type Column, DataTable } from "../../shared/DataTable";
import { dicomDate, dicomName } from "../../shared/dicomText";
import { dayAndClock, plainReason } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { Empty, QueryView } from "../../shared/states";

const LiftModal = lazy(() => import("./LiftModal"));

/** Whose study it is; asked for the rows that are in sight only. */
function StudyWords({ uid }: { uid: string }) {
  const study = useQuery(imageQueries.study(uid)).data;
  if (!study) return <span className="mono dim">{uid}</span>;
  const about = [study.description, dicomDate(study.date)].filter(Boolean).join(", ");
  return (
    <span title={uid}>
      <strong>{dicomName(study.patientName) || study.patientId || t("no name")}</strong>
      {about && <span className="dim"> {about}</span>}
    </span>
  );
}

function columns(mayNot: string | null, onLift: (hold: Hold) => void): Column<Hold>[] {
  return [
    {
      key: "study",
      head: t("Study"),
      width: "minmax(180px, 1.6fr)",
      cell: ({ study_instance_uid }) => <StudyWords uid={study_instance_uid} />,
    },
    {
      key: "why",
      head: t("Why"),
      width: "minmax(160px, 2fr)",
      cell: ({ reason }) => <span title={reason}>{reason}</span>,
    },
    {
      key: "who",
      head: t("By"),
      width: "minmax(80px, 0.7fr)",
      cell: ({ held_by }) => plainReason(held_by),
    },
    {
      key: "since",
      head: t("Since"),
      width: "124px",
      cell: ({ held_at }) => <span className="live-number">{dayAndClock(held_at)}</span>,
    },
    {
      key: "lift",
      head: t("Hold"),
      width: "112px",
      cell: (hold) => (
        <Button
          size="xs"
          variant="subtle"
          leftSection={<IconLockOpen size={14} />}
          {...guarded(mayNot)}
          onClick={(event) => {
            event.stopPropagation();
            onLift(hold);
          }}
        >
          {t("Lift")}
        </Button>
      ),
    },
  ];
}

/** Studies of which nothing is removed, whatever the settings say. */
export function Holds() {
  const holds = useInfiniteQuery(upkeepQueries.holds);
  const navigate = useNavigate();
  const mayNot = useMayOperate();
  const [lifting, setLifting] = useState<Hold | null>(null);
  return (
    <div className={page.list} style={{ flex: 1 }}>
      <QueryView query={holds} rows={6} safe={t("What is held stays held.")}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={IconShieldLock} title={t("No study is held")}>
              {t(
                "Open a study in the archive and hold it, with a reason: nothing of it is removed until somebody lifts the hold.",
              )}
            </Empty>
          ) : (
            <DataTable
              label={t("Held studies")}
              rows={rows}
              columns={columns(mayNot, setLifting)}
              rowId={({ study_instance_uid }) => study_instance_uid}
              onOpen={({ study_instance_uid: study }) =>
                void navigate({ to: "/archive", search: { study } })
              }
              onEnd={atEndOf(holds)}
            />
          )
        }
      </QueryView>
      <Suspense>
        {lifting && <LiftModal uid={lifting.study_instance_uid} onClose={() => setLifting(null)} />}
      </Suspense>
    </div>
  );
}

import { Button } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconDownload,
  IconHelpCircle,
  IconPencil,
  IconTrash,
  IconUpload,
  IconWaveSine,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import {
  deleteSequence,
  downloadSequence,
  libraryQueries,
  type Sequence,
  type SequenceFacts,
} from "../../api/library";
import { keys, queries } from "../../api/queries";
import { plural, t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import page from "../../shared/page.module.css";
import { guarded, useMayPlan } from "../../shared/roles";
import { saveFile } from "../../shared/saveFile";
import { ErrorLine, QueryView, Reasons } from "../../shared/states";
import { ITEM_STATUS, type StatusLook } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import css from "./library.module.css";
import { keyFacts, loadFacts, type Verdict, verdicts } from "./sequence";

const SequenceModal = lazy(() => import("./SequenceModal"));
const SequenceWordsModal = lazy(() => import("./SequenceWordsModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

interface Props {
  sequence: Sequence;
  onOpen: (id: string | null) => void;
  /** Shows its plots, beside those of another one if one is named. */
  onLook: (comparedId: string | null) => void;
  onClose: () => void;
}

export function SequenceDetail({ sequence, onOpen, onLook, onClose }: Props) {
  const { facts } = sequence;
  return (
    <aside
      className={page.detail}
      aria-label={t("Sequence {sequence}", { sequence: sequence.name })}
    >
      <DetailHead
        title={sequence.name}
        about={t("Version {lineageVersion}, uploaded {createdAt}", {
          lineageVersion: sequence.lineage_version ?? 1,
          createdAt: dayAndClock(sequence.created_at),
        })}
        onClose={onClose}
      />
      {sequence.description && <p className={page.reason}>{sequence.description}</p>}
      <Actions sequence={sequence} onOpen={onOpen} onLook={onLook} />
      {facts ? (
        <Facts facts={facts} />
      ) : (
        <DetailSection title={t("What it plays")}>
          <p className="dim">{t("It has not been read yet.")}</p>
        </DetailSection>
      )}
      {facts && <Verdicts facts={facts} />}
      <DetailSection title={t("Where it is used")}>
        <Uses sequence={sequence} />
      </DetailSection>
      <DetailSection title={t("Versions")}>
        <Versions sequence={sequence} onOpen={onOpen} onLook={onLook} />
      </DetailSection>
    </aside>
  );
}

function Actions({ sequence, onOpen, onLook }: Omit<Props, "onClose">) {
  const client = useQueryClient();
  const [dialog, setDialog] = useState<"version" | "words" | "delete" | null>(null);
  const mayNot = useMayPlan();
  const save = useMutation({
    mutationFn: async () => saveFile(await downloadSequence(sequence._id), `${sequence.name}.seq`),
  });
  const close = () => setDialog(null);
  return (
    <section className={page.detailSection} aria-label={t("What to do")}>
      <div className={page.buttons}>
        <Button leftSection={<IconWaveSine size={16} />} onClick={() => onLook(null)}>
          {t("Look at it")}
        </Button>
        <Button
          variant="default"
          leftSection={<IconUpload size={16} />}
          {...guarded(mayNot)}
          onClick={() => setDialog("version")}
        >
          {t("New version")}
        </Button>
        <Button
          variant="default"
          leftSection={<IconPencil size={16} />}
          {...guarded(mayNot)}
          onClick={() => setDialog("words")}
        >
          {t("Edit")}
        </Button>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          loading={save.isPending}
          onClick={() => save.mutate()}
        >
          {t("Download")}
        </Button>
        <Button
          variant="default"
          leftSection={<IconTrash size={16} />}
          {...guarded(mayNot)}
          onClick={() => setDialog("delete")}
        >
          {t("Delete")}
        </Button>
      </div>
      <ErrorLine error={save.error} />
      <Suspense>
        {dialog === "version" && (
          <SequenceModal versionOf={sequence} onClose={close} onMade={({ _id }) => onOpen(_id)} />
        )}
        {dialog === "words" && <SequenceWordsModal sequence={sequence} onClose={close} />}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete {sequence}", { sequence: sequence.name })}
            action={t("Delete this version")}
            run={async () => {
              await deleteSequence(sequence._id);
              onOpen(null);
              await client.invalidateQueries({ queryKey: keys.sequences });
            }}
            onClose={close}
          >
            <p>
              {t(
                "The file is gone for good. It is refused as long as a task uses it: the record of a scan keeps what was played.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}

function Facts({ facts }: { facts: SequenceFacts }) {
  const errors = facts.timing_errors ?? [];
  return (
    <DetailSection title={t("What it plays")}>
      <dl className={page.facts}>
        {[...keyFacts(facts), ...loadFacts(facts)].map(([name, value]) => (
          <div key={name} className={page.fact}>
            <dt>{name}</dt>
            <dd className="live-number">{value}</dd>
          </div>
        ))}
      </dl>
      {facts.signature === "mismatch" && (
        <p role="alert" className={page.reason} data-fault>
          {t("The file was changed after it was written: its own hash does not fit.")}
        </p>
      )}
      {errors.length > 0 && (
        <div role="alert" className={page.reason} data-fault>
          {t("{errors}: a scanner will not play it as it stands.", {
            errors: plural(
              facts.num_timing_errors ?? errors.length,
              "{n} timing error",
              "{n} timing errors",
            ),
          })}
          <ul className={page.bullets}>
            {errors.slice(0, 5).map(({ block, event, message }) => (
              <li key={`${block} ${event} ${message}`}>
                {t("Block {block}, {event}: {message}", { block, event, message })}
              </li>
            ))}
          </ul>
        </div>
      )}
      {facts.notes && facts.notes.length > 0 && (
        <details>
          <summary>{t("Assumed or not known ({n})", { n: facts.notes.length })}</summary>
          <Reasons reasons={facts.notes} />
        </details>
      )}
    </DetailSection>
  );
}

const FITS: StatusLook = { word: t("Fits"), icon: IconCircleCheck, color: "var(--status-done)" };
const BEYOND: StatusLook = {
  word: t("Beyond its limits"),
  icon: IconAlertTriangle,
  color: "var(--status-fault)",
};
const UNKNOWN: StatusLook = {
  word: t("Limits not told"),
  icon: IconHelpCircle,
  color: "var(--status-idle)",
};

const lookOf = ({ beyond }: Verdict): StatusLook =>
  beyond === null ? UNKNOWN : beyond.length === 0 ? FITS : BEYOND;

/** Whether the scanners of this house could play it. */
function Verdicts({ facts }: { facts: SequenceFacts }) {
  const devices = useQuery(queries.devices);
  return (
    <DetailSection title={t("On the scanners here")}>
      <QueryView
        query={devices}
        rows={2}
        safe={t("Before a scan everything is checked once more.")}
      >
        {(all) =>
          all.length === 0 ? (
            <p className="dim">{t("No scanner is registered.")}</p>
          ) : (
            <ul className={css.verdict} aria-label={t("Verdicts")}>
              {verdicts(facts, all).map((verdict) => (
                <li key={verdict.device.id}>
                  <span className={page.line}>
                    <StatusBadge look={lookOf(verdict)} />
                    <Link to="/devices" search={{ id: verdict.device.id }}>
                      {verdict.device.name}
                    </Link>
                  </span>
                  {verdict.beyond?.map(({ name, asked, limit }) => (
                    <span key={name} className="dim">
                      {t("{name}: {asked}, at most {limit}", { name, asked, limit })}
                    </span>
                  ))}
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
      <p className="dim">
        {t(
          "Of the hardware only. Before each scan, patient, exposure and nerve stimulation are checked too.",
        )}
      </p>
    </DetailSection>
  );
}

function Uses({ sequence }: { sequence: Sequence }) {
  const uses = useQuery(libraryQueries.sequenceUses(sequence._id));
  return (
    <QueryView query={uses} rows={2} safe={t("The tasks themselves are not affected.")}>
      {(all) =>
        all.length === 0 ? (
          <p className="dim">{t("No protocol and no exam uses it, in any version.")}</p>
        ) : (
          <ul className={page.lines} aria-label={t("Uses")}>
            {all.map((use) => (
              <li key={use.task_id} className={page.line}>
                {use.exam_id && use.is_template ? (
                  <Link to="/protocols" search={{ id: use.exam_id }}>
                    {use.exam_name}: {use.task_name}
                  </Link>
                ) : use.exam_id ? (
                  <Link
                    to="/exams/$examId"
                    params={{ examId: use.exam_id }}
                    search={{ task: use.task_id }}
                  >
                    {use.exam_name}: {use.task_name}
                  </Link>
                ) : (
                  use.task_name
                )}
                {use.is_template ? (
                  <span className="dim">{t("protocol")}</span>
                ) : (
                  <StatusBadge look={ITEM_STATUS[use.status]} />
                )}
                <span className={`dim ${page.lineEnd}`}>
                  {t("version {lineageVersion}", { lineageVersion: use.lineage_version })}
                </span>
              </li>
            ))}
          </ul>
        )
      }
    </QueryView>
  );
}

function Versions({ sequence, onOpen, onLook }: Omit<Props, "onClose">) {
  const versions = useQuery(libraryQueries.sequenceVersions(sequence._id));
  return (
    <QueryView query={versions} rows={2} safe={t("The versions themselves are not affected.")}>
      {(all) => (
        <ol className={page.lines} aria-label={t("Versions")}>
          {all.map(({ _id, lineage_version, created_at, name }) => (
            <li key={_id} className={page.line} aria-current={_id === sequence._id || undefined}>
              {_id === sequence._id ? (
                <strong>
                  {t("Version {lineageVersion}, shown", { lineageVersion: lineage_version })}
                </strong>
              ) : (
                <button type="button" className={css.link} onClick={() => onOpen(_id)}>
                  {t("Version {lineageVersion}", { lineageVersion: lineage_version })}
                </button>
              )}
              <span>{name}</span>
              {_id !== sequence._id && (
                <button type="button" className={css.link} onClick={() => onLook(_id)}>
                  {t("Compare")}
                </button>
              )}
              <span className={`dim ${page.lineEnd}`}>{dayAndClock(created_at)}</span>
            </li>
          ))}
        </ol>
      )}
    </QueryView>
  );
}

import { Button, Modal, Textarea } from "@mantine/core";
import {
  IconArchiveOff,
  IconCheck,
  IconCopyPlus,
  IconDownload,
  IconPencil,
  IconTrash,
  IconUserPlus,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import {
  deleteProtocolVersion,
  exportProtocol,
  releaseProtocol,
  retireProtocol,
  reviseProtocol,
  type Standing,
} from "../../api/library";
import { keys, queries } from "../../api/queries";
import type { Exam } from "../../api/types";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import page from "../../shared/page.module.css";
import { POSITION_WORDS } from "../../shared/patient";
import { guarded, useMayPlan, useMayRelease } from "../../shared/roles";
import { saveFile } from "../../shared/saveFile";
import { ErrorLine, QueryView } from "../../shared/states";
import { STANDING, standingOf } from "./protocol";
import { ProtocolTree } from "./ProtocolTree";
import { ProtocolVersions } from "./ProtocolVersions";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));
const NewProtocolModal = lazy(() => import("./NewProtocolModal"));

interface Props {
  examId: string;
  onOpen: (id: string | null) => void;
  onClose: () => void;
}

/** One version of a protocol: what it plays, and what may be done with it. */
export function ProtocolDetail({ examId, onOpen, onClose }: Props) {
  const exam = useQuery(queries.exam(examId));
  return (
    <aside className={page.detail} aria-label={t("Protocol")}>
      <QueryView query={exam} rows={6} safe={t("The protocol itself was not changed.")}>
        {(found) => <Shown exam={found} onOpen={onOpen} onClose={onClose} />}
      </QueryView>
    </aside>
  );
}

function Shown({ exam, onOpen, onClose }: Omit<Props, "examId"> & { exam: Exam }) {
  const standing = standingOf(exam);
  return (
    <>
      <DetailHead
        title={exam.name}
        about={t("Version {protocolVersion}, {madeWords}", {
          protocolVersion: exam.protocol_version ?? 1,
          madeWords: madeWords(exam),
        })}
        look={STANDING[standing]}
        onClose={onClose}
      />
      {exam.description && <p className={page.reason}>{exam.description}</p>}
      <Actions exam={exam} standing={standing} onOpen={onOpen} />
      <DetailSection title={t("Plan")}>
        {standing !== "draft" && (
          <p className="dim">
            {standing === "released"
              ? t(
                  "Released versions are frozen: exams are made from exactly this. Make a new version to change it.",
                )
              : t("Retired: no new exams are made from it.")}
          </p>
        )}
        {exam.patient_position && (
          <p>
            {t("Patient position: {positionWords}", {
              positionWords: POSITION_WORDS[exam.patient_position],
            })}
          </p>
        )}
        <ProtocolTree exam={exam} frozen={standing !== "draft"} />
      </DetailSection>
      <DetailSection title={t("Versions")}>
        <ProtocolVersions exam={exam} onOpen={onOpen} />
      </DetailSection>
    </>
  );
}

function madeWords(exam: Exam): string {
  if (exam.released_at) {
    return t("released {releasedAt} by {releasedBy}", {
      releasedAt: dayAndClock(exam.released_at),
      releasedBy: exam.released_by ?? t("somebody"),
    });
  }
  return t("made {datetimeCreated} by {creator}", {
    datetimeCreated: dayAndClock(exam.datetime_created),
    creator: exam.creator,
  });
}

type Dialog = "release" | "retire" | "delete" | "edit" | null;

function Actions({
  exam,
  standing,
  onOpen,
}: {
  exam: Exam;
  standing: Standing;
  onOpen: (id: string | null) => void;
}) {
  const client = useQueryClient();
  const [dialog, setDialog] = useState<Dialog>(null);
  const mayNotPlan = useMayPlan();
  const mayNotRelease = useMayRelease();
  const changed = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: keys.templates }),
      client.invalidateQueries({ queryKey: keys.exam(exam.id) }),
    ]);
  const revise = useMutation({
    mutationFn: () => reviseProtocol(exam.id),
    onSuccess: (made) => onOpen(made.id),
    onSettled: changed,
  });
  const save = useMutation({
    mutationFn: async () =>
      saveFile(await exportProtocol(exam.id), `${exam.name.replaceAll(/[^\w-]+/g, "-")}.json`),
  });
  const close = () => setDialog(null);
  return (
    <section className={page.detailSection} aria-label={t("What to do")}>
      <div className={page.buttons}>
        {standing === "draft" && (
          <>
            <Button
              leftSection={<IconCheck size={16} />}
              {...guarded(mayNotRelease)}
              onClick={() => setDialog("release")}
            >
              {t("Release")}
            </Button>
            <Button
              variant="default"
              leftSection={<IconPencil size={16} />}
              {...guarded(mayNotPlan)}
              onClick={() => setDialog("edit")}
            >
              {t("Edit")}
            </Button>
          </>
        )}
        {standing === "released" && (
          <Button
            component={Link}
            to="/patients"
            variant="default"
            leftSection={<IconUserPlus size={16} />}
          >
            {t("Use it: choose a patient")}
          </Button>
        )}
        {standing !== "draft" && (
          <Button
            variant="default"
            leftSection={<IconCopyPlus size={16} />}
            loading={revise.isPending}
            {...guarded(mayNotPlan)}
            onClick={() => revise.mutate()}
          >
            {t("New version")}
          </Button>
        )}
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          loading={save.isPending}
          onClick={() => save.mutate()}
        >
          {t("Export")}
        </Button>
        {standing === "released" && (
          <Button
            variant="default"
            leftSection={<IconArchiveOff size={16} />}
            {...guarded(mayNotRelease)}
            onClick={() => setDialog("retire")}
          >
            {t("Retire")}
          </Button>
        )}
        {standing === "draft" && (
          <Button
            variant="default"
            leftSection={<IconTrash size={16} />}
            {...guarded(mayNotRelease)}
            onClick={() => setDialog("delete")}
          >
            {t("Delete draft")}
          </Button>
        )}
      </div>
      <ErrorLine error={revise.error ?? save.error} />
      <Suspense>
        {dialog === "edit" && (
          <NewProtocolModal exam={exam} onClose={close} onMade={() => void changed()} />
        )}
        {dialog === "release" && <ReleaseModal exam={exam} onClose={close} onDone={changed} />}
        {dialog === "retire" && (
          <ConfirmModal
            title={t("Retire {exam}", { exam: exam.name })}
            action={t("Retire this version")}
            run={() => retireProtocol(exam.id, exam.version).then(changed)}
            onClose={close}
          >
            <p>
              {t(
                "No new exams are made from version {protocolVersion}. Exams that were made from it stay as they are, and it stays readable. This cannot be taken back; a new version can be made of it.",
                { protocolVersion: exam.protocol_version },
              )}
            </p>
          </ConfirmModal>
        )}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete the draft of {exam}", { exam: exam.name })}
            action={t("Delete the draft")}
            run={async () => {
              await deleteProtocolVersion(exam.id);
              onOpen(null);
              await client.invalidateQueries({ queryKey: keys.templates });
            }}
            onClose={close}
          >
            <p>
              {t(
                "Version {protocolVersion} is gone for good. Other versions, exams and sequences stay.",
                { protocolVersion: exam.protocol_version },
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}

function ReleaseModal({
  exam,
  onClose,
  onDone,
}: {
  exam: Exam;
  onClose: () => void;
  onDone: () => unknown;
}) {
  const [comment, setComment] = useState("");
  const release = useMutation({
    mutationFn: () => releaseProtocol(exam.id, exam.version, comment.trim()),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("Release version {protocolVersion}", {
        protocolVersion: exam.protocol_version ?? 1,
      })}
    >
      <form
        className={page.form}
        aria-label={t("Release")}
        onSubmit={(event) => {
          event.preventDefault();
          release.mutate();
        }}
      >
        <p>
          {t(
            "From now on it is frozen, and exams are made from it. Your name stands for it in the record.",
          )}
        </p>
        <Textarea
          label={t("What was checked, what is new")}
          data-autofocus
          autosize
          minRows={2}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        <ErrorLine error={release.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={release.isPending}>
            {t("Release")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

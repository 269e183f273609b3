import { Button, Modal } from "@mantine/core";
import { IconPlayerPlay, IconStack3, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { type Dataset, deleteDataset, replayDataset } from "../../api/imports";
import { plural, t } from "../../i18n";
import ConfirmModal from "../../shared/ConfirmModal";
import { dayAndClock, plainReason } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { sizeWords } from "../../shared/size";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import { ForcedRule } from "../rules/ForcedRule";
import css from "./upload.module.css";

/** Files that were kept under a name: to try rules on the same images again and again. */
export function DataSets({ onReplayed }: { onReplayed: (importId: string) => void }) {
  const client = useQueryClient();
  const sets = useQuery(imageQueries.datasets);
  const [asked, setAsked] = useState<{ what: "replay" | "delete"; set: Dataset } | null>(null);
  const close = () => setAsked(null);
  const mayNot = useMayOperate();
  return (
    <>
      <QueryView query={sets} rows={4} safe={t("The data sets are on the disk.")}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={IconStack3} title={t("No data sets yet")}>
              {t("Give an upload a name under “Keep as a data set”: it can be played back here.")}
            </Empty>
          ) : (
            <ul className={css.sets} aria-label={t("Data sets")}>
              {rows.map((set) => (
                <li key={set.id}>
                  <div>
                    <strong>{set.name}</strong>
                    <p className="dim live-number">
                      {t("{files}, {size}, by {createdBy} {createdAt}{arriving}", {
                        files: plural(set.files, "{n} file", "{n} files"),
                        size: sizeWords(set.size),
                        createdBy: plainReason(set.created_by),
                        createdAt: dayAndClock(set.created_at),
                        arriving: !set.ready ? t(" · still arriving") : "",
                      })}
                    </p>
                  </div>
                  <div className={page.buttons}>
                    <Button
                      variant="default"
                      leftSection={<IconPlayerPlay size={16} />}
                      disabled={!set.ready || mayNot !== null}
                      title={mayNot ?? undefined}
                      onClick={() => setAsked({ what: "replay", set })}
                    >
                      {t("Play back")}
                    </Button>
                    <Button
                      variant="default"
                      leftSection={<IconTrash size={16} />}
                      {...guarded(mayNot)}
                      onClick={() => setAsked({ what: "delete", set })}
                    >
                      {t("Delete")}
                    </Button>
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
      {asked?.what === "replay" && (
        <ReplayModal set={asked.set} onClose={close} onReplayed={onReplayed} />
      )}
      {asked?.what === "delete" && (
        <ConfirmModal
          title={t("Delete {set}", { set: asked.set.name })}
          action={t("Delete")}
          run={() =>
            deleteDataset(asked.set.id).finally(() =>
              client.invalidateQueries({ queryKey: imageKeys.datasets }),
            )
          }
          onClose={close}
        >
          <p>
            {t(
              "What is in it is removed, {files}, and cannot be played back any more. Images that came from it stay in the archive.",
              { files: plural(asked.set.files, "{n} file", "{n} files") },
            )}
          </p>
        </ConfirmModal>
      )}
    </>
  );
}

function ReplayModal({
  set,
  onClose,
  onReplayed,
}: {
  set: Dataset;
  onClose: () => void;
  onReplayed: (importId: string) => void;
}) {
  const client = useQueryClient();
  const [rule, setRule] = useState<string | null>(null);
  const replay = useMutation({
    mutationFn: () => replayDataset(set.id, rule ?? ""),
    onSuccess: async ({ id }) => {
      onClose();
      onReplayed(id);
      await client.invalidateQueries({ queryKey: imageKeys.imports });
    },
  });
  return (
    <Modal opened onClose={onClose} title={t("Play back {set}", { set: set.name })}>
      <form
        className={page.form}
        aria-label={t("Play back")}
        onSubmit={(event) => {
          event.preventDefault();
          replay.mutate();
        }}
      >
        <p>
          {t(
            "What is in it comes in once more, {files}. All series of it are decided on again, and what follows is sent again.",
            { files: plural(set.files, "{n} file", "{n} files") },
          )}
        </p>
        <ForcedRule value={rule} onChange={setRule} />
        <ErrorLine error={replay.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={replay.isPending}>
            {t("Play back")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

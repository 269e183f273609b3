import { Button, Checkbox, FileInput, Modal } from "@mantine/core";
import { IconFileImport } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { importProtocols } from "../../api/library";
import { ApiError } from "../../api/problem";
import { keys } from "../../api/queries";
import { plural, t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Protocols that were exported elsewhere, with their sequences: all of the file or nothing. */
export default function ImportModal({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (id: string) => void;
}) {
  const client = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [asVersions, setAsVersions] = useState(false);
  const bring = useMutation({
    mutationFn: (chosen: File) => importProtocols(chosen, asVersions),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.templates }),
        client.invalidateQueries({ queryKey: keys.sequences }),
      ]),
  });
  const made = bring.data;
  return (
    <Modal opened onClose={onClose} title={t("Import protocols")} size="lg">
      {made ? (
        <div className={page.form}>
          <ul className={page.lines} aria-label={t("What was made")}>
            {made.protocols.map(({ exam_id, name, protocol_version, notes }) => (
              <li key={exam_id}>
                <span className={page.line}>
                  <strong>{name}</strong>
                  <span className="dim">
                    {t("draft, version {protocolVersion}", { protocolVersion: protocol_version })}
                  </span>
                  <Button
                    size="xs"
                    variant="default"
                    className={page.lineEnd}
                    onClick={() => {
                      onMade(exam_id);
                      onClose();
                    }}
                  >
                    {t("Open")}
                  </Button>
                </span>
                {notes?.map((note) => (
                  <p key={note} className="dim">
                    {note}
                  </p>
                ))}
              </li>
            ))}
            {made.sequences.map(({ sequence_id, ref, created, notes }) => (
              <li key={sequence_id}>
                {t("Sequence {ref}: {which}", {
                  ref,
                  which: created ? t("new here") : t("was here already, and is used"),
                })}
                {notes?.map((note) => (
                  <p key={note} className="dim">
                    {note}
                  </p>
                ))}
              </li>
            ))}
          </ul>
          <div className={page.formEnd}>
            <Button onClick={onClose}>{t("Done")}</Button>
          </div>
        </div>
      ) : (
        <form
          className={page.form}
          aria-label={t("Import")}
          onSubmit={(event) => {
            event.preventDefault();
            if (file) bring.mutate(file);
          }}
        >
          <p>
            {t(
              "A file that was exported here or at another site. All of it is checked first; every protocol of it becomes a draft.",
            )}
          </p>
          <FileInput
            label={t("File of protocols")}
            placeholder={t("Choose a .json file")}
            accept="application/json,.json"
            leftSection={<IconFileImport size={16} />}
            value={file}
            onChange={setFile}
          />
          <Checkbox
            label={t("A protocol that is known here gets its next version")}
            description={t("Otherwise it is made beside the one that is here")}
            checked={asVersions}
            onChange={(event) => setAsVersions(event.currentTarget.checked)}
          />
          <ErrorLine error={bring.error} />
          <Places error={bring.error} />
          <div className={page.formEnd}>
            <Button variant="default" onClick={onClose}>
              {t("Cancel")}
            </Button>
            <Button type="submit" disabled={!file} loading={bring.isPending}>
              {t("Import")}
            </Button>
          </div>
        </form>
      )}
    </Modal>
  );
}

/** What is wrong at which place of the file. */
function Places({ error }: { error: unknown }) {
  const errors = error instanceof ApiError ? error.members.errors : null;
  if (!Array.isArray(errors) || errors.length < 2) return null;
  return (
    <p className="dim">
      {plural(
        errors.length,
        "One place of the file is wrong; nothing of it was imported.",
        "{n} places of the file are wrong; nothing of it was imported.",
      )}
    </p>
  );
}

import { Button } from "@mantine/core";
import { IconChevronRight, IconFolder, IconFolderOff, IconServer } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { importFolder } from "../../api/imports";
import { ApiError } from "../../api/problem";
import { t } from "../../i18n";
import { guarded, useMayOperate } from "../../shared/roles";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import { ForcedRule } from "../rules/ForcedRule";
import css from "./upload.module.css";

const NOT_SET_UP = 503;

/** Folders of the server's own disk that can be imported: where they are, and what is in them. */
export function ServerFolders({ onBegun }: { onBegun: (importId: string) => void }) {
  const [folder, setFolder] = useState<string[]>([]);
  const found = useQuery(imageQueries.importFolders(folder));
  if (found.error instanceof ApiError && found.error.status === NOT_SET_UP) {
    return (
      <Empty icon={IconFolderOff} title={t("No folder can be imported")}>
        {found.error.detail}
      </Empty>
    );
  }
  return (
    <section className={css.folders} aria-label={t("Folders of the server")}>
      <Way folder={folder} onFolder={setFolder} />
      <QueryView query={found} rows={4} safe={t("The files of the folder are not touched.")}>
        {({ folders, files }) => (
          <>
            <Begin folder={folder} onBegun={onBegun} />
            {folders.length > 0 && (
              <ul aria-label={t("Folders in it")}>
                {folders.map((name) => (
                  <li key={name}>
                    <button type="button" onClick={() => setFolder([...folder, name])}>
                      <IconFolder size={18} aria-hidden />
                      <span>{name}</span>
                      <IconChevronRight size={16} aria-hidden />
                    </button>
                  </li>
                ))}
              </ul>
            )}
            <p className="dim live-number">
              {[
                folders.length === 0 && t("No folders in it."),
                files === 0
                  ? t("No files.")
                  : files === 1
                    ? t("One file.")
                    : t("{files} files.", { files }),
              ]
                .filter(Boolean)
                .join(" ")}
            </p>
          </>
        )}
      </QueryView>
    </section>
  );
}

/** Where one is, and the way back up. */
function Way({ folder, onFolder }: { folder: string[]; onFolder: (folder: string[]) => void }) {
  return (
    <nav className={css.way} aria-label={t("Where")}>
      <button
        type="button"
        aria-current={folder.length === 0 ? "location" : undefined}
        onClick={() => onFolder([])}
      >
        <IconServer size={16} aria-hidden />
        {t("Folder of imports")}
      </button>
      {folder.map((name, at) => (
        <button
          key={folder.slice(0, at + 1).join("/")}
          type="button"
          aria-current={at === folder.length - 1 ? "location" : undefined}
          onClick={() => onFolder(folder.slice(0, at + 1))}
        >
          <IconChevronRight size={14} aria-hidden />
          {name}
        </button>
      ))}
    </nav>
  );
}

function Begin({ folder, onBegun }: { folder: string[]; onBegun: (importId: string) => void }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const [rule, setRule] = useState<string | null>(null);
  const begin = useMutation({
    mutationFn: () => importFolder(folder, rule ?? ""),
    onSuccess: async ({ id }) => {
      onBegun(id);
      await client.invalidateQueries({ queryKey: imageKeys.imports });
    },
  });
  return (
    <form
      className={css.options}
      aria-label={t("Import the folder")}
      onSubmit={(event) => {
        event.preventDefault();
        begin.mutate();
      }}
    >
      <ForcedRule value={rule} onChange={setRule} />
      <Button type="submit" {...guarded(mayNot)} loading={begin.isPending}>
        {t("Import {folder}, with all below", { folder: folder.at(-1) ?? t("all of it") })}
      </Button>
      <p className="dim">{t("Files stay where they are; links are not followed.")}</p>
      <ErrorLine error={begin.error} />
    </form>
  );
}

import { Button } from "@mantine/core";
import { IconGitMerge } from "@tabler/icons-react";

import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { clock, day } from "../format";
import { ChangeList } from "./ChangeList";
import { pathOf } from "./changes";
import type { Conflict } from "./conflict";
import css from "./schema.module.css";
import { authorName } from "./words";
import type { Field } from "./schema";

/** The version in force, as far as the server tells of it. */
interface Newest {
  version: number;
  author?: string;
  created_at?: string | null;
  comment?: string;
}

/** Somebody was faster: what they have changed, and what becomes of one's own changes. */
export function ConflictNotice({
  newest,
  conflict,
  fields,
  readable,
  nameOf,
  onKeep,
  onDrop,
}: {
  newest: Newest;
  conflict: Conflict;
  fields: Field[];
  /** What is typed is a document, so that its changes are known. */
  readable: boolean;
  nameOf?: (path: string) => string;
  onKeep: (conflict: Conflict) => void;
  onDrop: () => void;
}) {
  const { theirs, mine, clashes } = conflict;
  const rows = theirs.map((change) => ({
    ...change,
    path: pathOf(change),
    note: clashes.some((path) => overlaps(path, pathOf(change)))
      ? t("you have changed this, too")
      : undefined,
  }));
  return (
    <section className={css.conflict} role="alert" aria-label={t("Changed meanwhile")}>
      <h3>
        <IconGitMerge size={18} aria-hidden />
        {t("Version {version} was saved while you were editing", { version: newest.version })}
      </h3>
      <p>
        {newest.author && (
          <>
            {rich("by {authorName},", {
              authorName: <strong>{authorName(newest.author)}</strong>,
            })}{" "}
          </>
        )}
        {newest.created_at && `${day(newest.created_at)} ${clock(newest.created_at)}`}
        {newest.comment && `: ${newest.comment}`}
      </p>
      {rows.length > 0 ? (
        <ChangeList
          label={t("What they have changed")}
          rows={rows}
          fields={fields}
          nameOf={nameOf}
        />
      ) : (
        <p>{t("It says the same as the version that you began with.")}</p>
      )}
      <div className={css.conflictEnd}>
        {readable && mine.length > 0 && (
          <Button variant="default" onClick={() => onKeep(conflict)}>
            {t("Keep my changes, on top of version {version}", { version: newest.version })}
          </Button>
        )}
        <Button variant="default" onClick={onDrop}>
          {t("Begin again from version {version}", { version: newest.version })}
        </Button>
      </div>
    </section>
  );
}

const overlaps = (one: string, other: string): boolean =>
  `${one}.`.startsWith(`${other}.`) || `${other}.`.startsWith(`${one}.`);

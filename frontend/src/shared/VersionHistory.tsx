import { Button, TextInput } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import {
  type QueryKey,
  useMutation,
  useQuery,
  useQueryClient,
  type UseQueryOptions,
  type UseQueryResult,
} from "@tanstack/react-query";
import { type ComponentType, type ReactNode, useState } from "react";

import { t } from "../i18n";
import { clock, day } from "./format";
import css from "./history.module.css";
import { ChangeList } from "./schema/ChangeList";
import type { Field } from "./schema/schema";
import { authorName } from "./schema/words";
import { ErrorLine, QueryView } from "./states";

interface Version {
  version: number;
  author?: string;
  comment?: string;
  created_at?: string | null;
  change?: "created" | "updated" | "reverted" | "deleted";
}

interface Change {
  field: string;
  before?: unknown;
  after?: unknown;
}

export interface WayBackProps {
  version: number;
  /** From what is in force to this version. */
  changes: Change[];
}

const CHANGES: Record<NonNullable<Version["change"]>, string> = {
  created: t("made"),
  updated: t("changed"),
  reverted: t("taken back"),
  deleted: t("deleted"),
};

interface Props<Entry extends Version, Key extends QueryKey> {
  versions: UseQueryResult<Entry[]>;
  inForce: number;
  /** Asks what differs between two versions. */
  difference: (before: number, after: number) => UseQueryOptions<Change[], Error, Change[], Key>;
  /** What is safe when none of this can be read. */
  safe: string;
  fields?: Field[];
  /** What a member that no field shows is called. */
  nameOf?: (path: string) => string;
  /** What a value of a member says. */
  wordsOf?: (path: string, value: unknown) => string;
  /** What there is to see of a version that has none before it. */
  first?: (entry: Entry) => ReactNode;
  /** Null when the user may go back to a version, else why not. */
  mayNot: string | null;
  restore?: (version: number, comment: string) => Promise<unknown>;
  /** The way back where the server knows none: what would change. */
  wayBack?: ComponentType<WayBackProps>;
  /** What is asked anew when a version was taken up again. */
  changed: QueryKey;
}

/** Who changed a thing, when and why; what each version changed, and the way back to it. */
export function VersionHistory<Entry extends Version, Key extends QueryKey>(
  props: Props<Entry, Key>,
) {
  const { versions, safe } = props;
  const [opened, setOpened] = useState<number | null>(null);
  return (
    <QueryView query={versions} rows={3} safe={safe}>
      {(all) =>
        all.length === 0 ? (
          <p className="dim">{t("Nothing was ever set.")}</p>
        ) : (
          <ol className={css.list} aria-label={t("Versions")}>
            {all.map((entry) => (
              <VersionRow
                key={entry.version}
                {...props}
                entry={entry}
                open={opened === entry.version}
                onToggle={() => setOpened(opened === entry.version ? null : entry.version)}
              />
            ))}
          </ol>
        )
      }
    </QueryView>
  );
}

function VersionRow<Entry extends Version, Key extends QueryKey>(
  props: Props<Entry, Key> & { entry: Entry; open: boolean; onToggle: () => void },
) {
  const { entry, open, onToggle, inForce, first, restore, wayBack } = props;
  const { version, change, author, comment, created_at } = entry;
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const current = version === inForce;
  return (
    <li>
      <button type="button" className={css.head} aria-expanded={open} onClick={onToggle}>
        <Chevron size={16} aria-hidden />
        <strong>{t("Version {version}", { version })}</strong>
        {change && <span>{CHANGES[change]}</span>}
        {current && change !== "deleted" && <span className={css.inForce}>{t("in force")}</span>}
        <span className={css.who}>
          {[
            author !== undefined && authorName(author),
            created_at && `${day(created_at)} ${clock(created_at, false)}`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        {comment && <span className={css.why}>{comment}</span>}
      </button>
      {open && (
        <div className={css.body}>
          {version > 1 && change !== "created" ? (
            <Difference
              {...props}
              before={version - 1}
              after={version}
              title={t("What it changed")}
              same={t("Nothing was changed.")}
            />
          ) : (
            (first?.(entry) ?? <p className="dim">{t("The first version.")}</p>)
          )}
          {!current && change !== "deleted" && restore && (
            <UseAgain {...props} restore={restore} version={version} />
          )}
          {!current && wayBack && <WayBack {...props} wayBack={wayBack} version={version} />}
        </div>
      )}
    </li>
  );
}

function Difference<Entry extends Version, Key extends QueryKey>({
  difference,
  safe,
  fields = [],
  nameOf,
  wordsOf,
  before,
  after,
  title,
  same,
}: Pick<Props<Entry, Key>, "difference" | "safe" | "fields" | "nameOf" | "wordsOf"> & {
  before: number;
  after: number;
  title: string;
  same: string;
}) {
  const found = useQuery(difference(before, after));
  return (
    <section aria-label={title}>
      <h4>{title}</h4>
      <QueryView query={found} rows={1} safe={safe}>
        {(changes) =>
          changes.length === 0 ? (
            <p className="dim">{same}</p>
          ) : (
            <ChangeList
              label={title}
              fields={fields}
              nameOf={nameOf}
              wordsOf={wordsOf}
              rows={changes.map((change) => ({
                path: change.field,
                before: change.before,
                after: change.after,
              }))}
            />
          )
        }
      </QueryView>
    </section>
  );
}

function WayBack<Entry extends Version, Key extends QueryKey>({
  difference,
  safe,
  inForce,
  version,
  wayBack: Shown,
}: Pick<Props<Entry, Key>, "difference" | "safe" | "inForce"> & {
  version: number;
  wayBack: ComponentType<WayBackProps>;
}) {
  const found = useQuery(difference(inForce, version));
  return (
    <QueryView query={found} rows={2} safe={safe}>
      {(changes) => <Shown version={version} changes={changes} />}
    </QueryView>
  );
}

/** The way back: what would change, why, and a new version that says what the old one said. */
function UseAgain<Entry extends Version, Key extends QueryKey>(
  props: Props<Entry, Key> & {
    version: number;
    restore: (version: number, comment: string) => Promise<unknown>;
  },
) {
  const { version, inForce, mayNot, restore, changed } = props;
  const client = useQueryClient();
  const [comment, setComment] = useState("");
  const restoring = useMutation({
    mutationFn: () => restore(version, comment.trim()),
    onSettled: () => client.invalidateQueries({ queryKey: changed }),
  });
  return (
    <form
      className={css.again}
      aria-label={t("Use version {version} again", { version })}
      onSubmit={(event) => {
        event.preventDefault();
        restoring.mutate();
      }}
    >
      <Difference
        {...props}
        before={inForce}
        after={version}
        title={t("What would change now")}
        same={t("It says the same as the version in force.")}
      />
      <TextInput
        label={t("Why")}
        placeholder={t("Kept with the new version")}
        maxLength={1000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <ErrorLine error={restoring.error} />
      {mayNot && <p className="dim">{mayNot}</p>}
      <Button
        type="submit"
        variant="default"
        disabled={mayNot !== null}
        loading={restoring.isPending}
      >
        {t("Use version {version} again", { version })}
      </Button>
    </form>
  );
}

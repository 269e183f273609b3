import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { libraryQueries, type ProtocolVersion } from "../../api/library";
import { queries } from "../../api/queries";
import type { Exam } from "../../api/types";
import { inSentence, t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import css from "./library.module.css";
import { changeTitle, STANDING, valueWords } from "./protocol";

/** Every version of a protocol, and how this one differs from another. */
export function ProtocolVersions({ exam, onOpen }: { exam: Exam; onOpen: (id: string) => void }) {
  const versions = useQuery(libraryQueries.versions(exam.id));
  return (
    <QueryView query={versions} rows={2} safe={t("The versions themselves are not affected.")}>
      {(all) => (
        <>
          <ol className={page.lines} aria-label={t("Versions")}>
            {all.map((version) => (
              <li key={version.exam_id} aria-current={version.exam_id === exam.id || undefined}>
                <span className={page.line}>
                  {version.exam_id === exam.id ? (
                    <strong>
                      {t("Version {protocolVersion}, shown", {
                        protocolVersion: version.protocol_version,
                      })}
                    </strong>
                  ) : (
                    <button
                      type="button"
                      className={css.link}
                      onClick={() => onOpen(version.exam_id)}
                    >
                      {t("Version {protocolVersion}", {
                        protocolVersion: version.protocol_version,
                      })}
                    </button>
                  )}
                  <StatusBadge look={STANDING[version.standing]} />
                  <span className={`dim ${page.lineEnd}`}>{whoAndWhen(version)}</span>
                </span>
                {version.release_comment && <p className="dim">{version.release_comment}</p>}
              </li>
            ))}
          </ol>
          {all.length > 1 && <Difference exam={exam} versions={all} />}
        </>
      )}
    </QueryView>
  );
}

const whoAndWhen = ({ released_by, released_at, creator, datetime_created }: ProtocolVersion) =>
  `${released_by ?? creator} · ${dayAndClock(released_at ?? datetime_created)}`;

function Difference({ exam, versions }: { exam: Exam; versions: ProtocolVersion[] }) {
  const others = versions.filter(({ exam_id }) => exam_id !== exam.id);
  const own = exam.protocol_version ?? 0;
  const before = others.find(({ protocol_version }) => protocol_version < own) ?? others[0];
  const [chosen, setChosen] = useState<string | null>(null);
  const other = others.find(({ exam_id }) => exam_id === chosen) ?? before;
  // From the older to the newer one, whichever is shown.
  const isOlder = (other?.protocol_version ?? 0) < own;
  const [left, right] = isOlder ? [other?.exam_id ?? "", exam.id] : [exam.id, other?.exam_id ?? ""];
  const diff = useQuery(libraryQueries.diff(left, right));
  const names = useNames();
  return (
    <section className={css.difference} aria-label={t("Difference")}>
      <Select
        label={t("Compare with")}
        allowDeselect={false}
        value={other?.exam_id ?? null}
        onChange={setChosen}
        data={others.map(({ exam_id, protocol_version, standing }) => ({
          value: exam_id,
          label: t("Version {protocolVersion} ({standing})", {
            protocolVersion: protocol_version,
            standing: inSentence(STANDING[standing].word),
          }),
        }))}
      />
      <QueryView query={diff} rows={2} safe={t("The versions themselves are not affected.")}>
        {({ changes }) =>
          changes.length === 0 ? (
            <p className="dim">{t("Both plan the same.")}</p>
          ) : (
            <ul className={page.lines} aria-label={t("Changes")}>
              {changes.map((change) => (
                <li key={`${change.kind} ${change.left_id} ${change.right_id} ${change.field}`}>
                  <strong>{changeTitle(change)}</strong>
                  {change.field && (
                    <p className={css.change}>
                      <del>{valueWords(change.before, names)}</del>
                      <span aria-hidden> → </span>
                      <ins>{valueWords(change.after, names)}</ins>
                    </p>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </section>
  );
}

/** What ids of sequences and devices stand for. */
function useNames(): ReadonlyMap<string, string> {
  const sequences = useQuery(queries.sequences).data ?? [];
  const devices = useQuery(queries.devices).data ?? [];
  return new Map([
    ...sequences.map(({ _id, name }) => [_id, name] as const),
    ...devices.map(({ id, name }) => [id, name] as const),
  ]);
}

import { plural } from "../../i18n";
import css from "./queue.module.css";
import { byReason } from "./sending";

/** Images and what is to be told of each; of many it is mostly the same, and told once. */
export function ByReason({ rows }: { rows: { sop_instance_uid: string; reason: string }[] }) {
  return (
    <ul className={css.failures}>
      {byReason(rows).map(({ reason, uids }) => (
        <li key={reason}>
          <p>{reason}</p>
          <details>
            <summary>{plural(uids.length, "{n} image", "{n} images")}</summary>
            <ul className="mono dim">
              {uids.map((uid) => (
                <li key={uid}>{uid}</li>
              ))}
            </ul>
          </details>
        </li>
      ))}
    </ul>
  );
}

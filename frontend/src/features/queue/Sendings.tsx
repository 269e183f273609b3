import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { imageQueries } from "../../api/imageQueries";
import type { Dispatch } from "../../api/images";
import { plural, t } from "../../i18n";
import { StatusBadge } from "../../shared/StatusBadge";
import { DispatchActions } from "./DispatchActions";
import css from "./queue.module.css";
import { dispatchLook, isEnded, lateWords, whyWords } from "./sending";

/** What is sent where, with what may be done about each; one target and series a line. */
export function Sendings({ dispatches }: { dispatches: Dispatch[] }) {
  const pauses = useQuery(imageQueries.pauses).data ?? [];
  return (
    <ul className={css.sendings}>
      {dispatches.map((dispatch) => {
        const why = whyWords(dispatch);
        return (
          <li key={dispatch.id} className={css.sending}>
            <div className={css.line}>
              <StatusBadge look={dispatchLook(dispatch, pauses)} />
              <Link to="/queue" search={{ id: dispatch.id, view: "all" }} className={css.target}>
                {dispatch.target}
              </Link>
              <span className="dim live-number">
                {dispatch.sent}/{plural(dispatch.instances, "{n} image", "{n} images")}
                {lateWords(dispatch)}
                {dispatch.stored > 0 &&
                  t(", {stored} not confirmed yet", { stored: dispatch.stored })}
                {dispatch.attempt > 1 && t(", attempt {attempt}", { attempt: dispatch.attempt })}
              </span>
            </div>
            {why && (
              <p className={css.why} data-fault={dispatch.status === "failed" || undefined}>
                {why}
              </p>
            )}
            {!isEnded(dispatch) || dispatch.status === "failed" ? (
              <DispatchActions dispatch={dispatch} compact />
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { endLogin, endLogins, type Login, peopleKeys } from "../../api/people";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { type Asked, ErrorLine, QueryView } from "../../shared/states";
import { programName } from "./people";

/** Logins of one person, each with the way to end it. */
export function Logins({
  logins,
  endAllOf,
}: {
  logins: Asked<Login[]>;
  /** Whose logins end all at once; null: one's own, but this one. */
  endAllOf: string | null;
}) {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: peopleKeys.logins });
  const end = useMutation({ mutationFn: (id: string) => endLogin(id), onSettled: again });
  const endAll = useMutation({ mutationFn: () => endLogins(endAllOf), onSettled: again });
  return (
    <QueryView query={logins} rows={2} safe={t("The logins themselves are not affected.")}>
      {(all) => (
        <>
          {all.length === 0 ? (
            <p className="dim">{t("None.")}</p>
          ) : (
            <ul className={page.lines} aria-label={t("Logins")}>
              {all.map(({ id, user_agent, address, datetime_created, expires_at, current }) => (
                <li key={id} className={page.line}>
                  <strong>{programName(user_agent)}</strong>
                  <span className="dim">
                    {t("{address} · since {datetimeCreated}, ends {expiresAt}", {
                      address: address || t("address not known"),
                      datetimeCreated: dayAndClock(datetime_created),
                      expiresAt: dayAndClock(expires_at),
                    })}
                  </span>
                  {current ? (
                    <span className={page.lineEnd}>{t("this one")}</span>
                  ) : (
                    <Button
                      size="xs"
                      variant="default"
                      className={page.lineEnd}
                      aria-label={t("End the login of {programName} since {datetimeCreated}", {
                        programName: programName(user_agent),
                        datetimeCreated: dayAndClock(datetime_created),
                      })}
                      loading={end.isPending && end.variables === id}
                      onClick={() => end.mutate(id)}
                    >
                      {t("End")}
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )}
          <ErrorLine error={end.error ?? endAll.error} />
          {all.some(({ current }) => !current) && (
            <div className={page.buttons}>
              <Button
                size="xs"
                variant="default"
                loading={endAll.isPending}
                onClick={() => endAll.mutate()}
              >
                {endAllOf === null ? t("End all others") : t("End all")}
              </Button>
            </div>
          )}
        </>
      )}
    </QueryView>
  );
}

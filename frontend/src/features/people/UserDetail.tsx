import { Button } from "@mantine/core";
import { IconKey, IconLockOpen, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { deleteUser, peopleKeys, peopleQueries, unlockUser } from "../../api/people";
import { sessionStore } from "../../api/session";
import type { User } from "../../api/types";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { clock, dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { useStore } from "../../shared/store";
import { useNow } from "../../shared/useNow";
import { Logins } from "./Logins";
import { moment, ROLES, userLook } from "./people";

const UserModal = lazy(() => import("./UserModal"));
const ResetModal = lazy(() => import("./ResetModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

export function UserDetail({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient();
  const [dialog, setDialog] = useState<"edit" | "reset" | "delete" | null>(null);
  const own = useStore(sessionStore).user?.username === user.username;
  const now = useNow(true, 30_000);
  const logins = useQuery(peopleQueries.loginsOf(user.username));
  const changed = () => client.invalidateQueries({ queryKey: peopleKeys.all });
  const unlock = useMutation({ mutationFn: () => unlockUser(user.username), onSettled: changed });
  const locked = Boolean(user.locked_until && Date.parse(user.locked_until) > now);
  const close = () => setDialog(null);
  return (
    <aside className={page.detail} aria-label={t("User {username}", { username: user.username })}>
      <DetailHead
        title={user.username}
        about={`${user.first_name} ${user.last_name}`}
        look={userLook(user, now)}
        onClose={onClose}
      />
      <section className={page.detailSection} aria-label={t("About")}>
        {locked && (
          <p className={page.reason} data-fault role="status">
            {t(
              "Too many wrong passwords: locked until {lockedUntil} for addresses from which {username} has not logged in before.",
              { lockedUntil: clock(user.locked_until, false), username: user.username },
            )}
          </p>
        )}
        <dl className={page.facts}>
          <dt>{t("Role")}</dt>
          <dd>
            {ROLES[user.role].word}
            <span className="dim"> · {ROLES[user.role].about}</span>
          </dd>
          <dt>{t("E-mail")}</dt>
          <dd>{user.email ?? <span className="dim">{t("not told")}</span>}</dd>
          <dt>{t("Last login")}</dt>
          <dd>{dayAndClock(moment(user.last_login_unixtime))}</dd>
          <dt>{t("Last here")}</dt>
          <dd>{dayAndClock(moment(user.last_activity_unixtime))}</dd>
        </dl>
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            onClick={() => setDialog("edit")}
          >
            {t("Edit")}
          </Button>
          {locked && (
            <Button
              leftSection={<IconLockOpen size={16} />}
              loading={unlock.isPending}
              onClick={() => unlock.mutate()}
            >
              {t("Unlock")}
            </Button>
          )}
          {own ? (
            <Button
              component={Link}
              to="/account"
              variant="default"
              leftSection={<IconKey size={16} />}
            >
              {t("Your account")}
            </Button>
          ) : (
            <>
              <Button
                variant="default"
                leftSection={<IconKey size={16} />}
                onClick={() => setDialog("reset")}
              >
                {t("Set a new password")}
              </Button>
              <Button
                variant="default"
                leftSection={<IconTrash size={16} />}
                onClick={() => setDialog("delete")}
              >
                {t("Delete")}
              </Button>
            </>
          )}
        </div>
        <ErrorLine error={unlock.error} />
        <Link to="/audit" search={{ actor: user.username }}>
          {t("What {username} did", { username: user.username })}
        </Link>
      </section>
      <DetailSection title={t("Logins that have not ended")}>
        <Logins logins={logins} endAllOf={own ? null : user.username} />
      </DetailSection>
      <Suspense>
        {dialog === "edit" && <UserModal user={user} onClose={close} />}
        {dialog === "reset" && <ResetModal user={user} onClose={close} />}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete {username}", { username: user.username })}
            action={t("Delete the user")}
            typed={user.username}
            run={async () => {
              await deleteUser(user.username);
              onClose();
              await changed();
            }}
            onClose={close}
          >
            <p>
              {t(
                "All logins end within seconds, and the name cannot log in any more. What the user did stays in the audit log. To keep somebody out for a while, set a new password instead.",
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </aside>
  );
}

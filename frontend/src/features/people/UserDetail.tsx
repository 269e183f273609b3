import { Button } from "@mantine/core";
import { IconKey, IconLockOpen, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { deleteUser, peopleKeys, peopleQueries, unlockUser } from "../../api/people";
import { sessionStore } from "../../api/session";
import type { User } from "../../api/types";
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
    <aside className={page.detail} aria-label={`User ${user.username}`}>
      <DetailHead
        title={user.username}
        about={`${user.first_name} ${user.last_name}`}
        look={userLook(user, now)}
        onClose={onClose}
      />
      <section className={page.detailSection} aria-label="About">
        {locked && (
          <p className={page.reason} data-fault role="status">
            Too many wrong passwords: locked until {clock(user.locked_until, false)} for addresses
            from which {user.username} has not logged in before.
          </p>
        )}
        <dl className={page.facts}>
          <dt>Role</dt>
          <dd>
            {ROLES[user.role].word}
            <span className="dim"> · {ROLES[user.role].about}</span>
          </dd>
          <dt>E-mail</dt>
          <dd>{user.email ?? <span className="dim">not told</span>}</dd>
          <dt>Last login</dt>
          <dd>{dayAndClock(moment(user.last_login_unixtime))}</dd>
          <dt>Last here</dt>
          <dd>{dayAndClock(moment(user.last_activity_unixtime))}</dd>
        </dl>
        <div className={page.buttons}>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            onClick={() => setDialog("edit")}
          >
            Edit
          </Button>
          {locked && (
            <Button
              leftSection={<IconLockOpen size={16} />}
              loading={unlock.isPending}
              onClick={() => unlock.mutate()}
            >
              Unlock
            </Button>
          )}
          {own ? (
            <Button
              component={Link}
              to="/account"
              variant="default"
              leftSection={<IconKey size={16} />}
            >
              Your account
            </Button>
          ) : (
            <>
              <Button
                variant="default"
                leftSection={<IconKey size={16} />}
                onClick={() => setDialog("reset")}
              >
                Set a new password
              </Button>
              <Button
                variant="default"
                leftSection={<IconTrash size={16} />}
                onClick={() => setDialog("delete")}
              >
                Delete
              </Button>
            </>
          )}
        </div>
        <ErrorLine error={unlock.error} />
        <Link to="/audit" search={{ actor: user.username }}>
          What {user.username} did
        </Link>
      </section>
      <DetailSection title="Logins that have not ended">
        <Logins logins={logins} endAllOf={own ? null : user.username} />
      </DetailSection>
      <Suspense>
        {dialog === "edit" && <UserModal user={user} onClose={close} />}
        {dialog === "reset" && <ResetModal user={user} onClose={close} />}
        {dialog === "delete" && (
          <ConfirmModal
            title={`Delete ${user.username}`}
            action="Delete the user"
            typed={user.username}
            run={async () => {
              await deleteUser(user.username);
              onClose();
              await changed();
            }}
            onClose={close}
          >
            <p>
              All logins end within seconds, and the name cannot log in any more. What the user did
              stays in the audit log. To keep somebody out for a while, set a new password instead.
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </aside>
  );
}

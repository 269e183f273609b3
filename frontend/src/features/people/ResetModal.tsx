import { Button, Modal, PasswordInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { peopleKeys, resetPassword } from "../../api/people";
import type { User } from "../../api/types";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Sets somebody's password; they have to set one of their own at the next login. */
export default function ResetModal({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const [own, setOwn] = useState("");
  const reset = useMutation({
    mutationFn: () => resetPassword(user.username, own, password),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: peopleKeys.all });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={`A new password for ${user.username}`}>
      <form
        className={page.form}
        aria-label="New password"
        onSubmit={(event) => {
          event.preventDefault();
          reset.mutate();
        }}
      >
        <p>
          All logins of {user.username} end, and at the next one they set a password of their own.
          Hand this one over in person.
        </p>
        <PasswordInput
          label="New password"
          description="At least 12 characters"
          data-autofocus
          required
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <PasswordInput
          label="Your own password"
          description="You vouch for the change with it"
          required
          autoComplete="current-password"
          value={own}
          onChange={(event) => setOwn(event.currentTarget.value)}
        />
        <ErrorLine error={reset.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={password === "" || own === ""} loading={reset.isPending}>
            Set the password
          </Button>
        </div>
      </form>
    </Modal>
  );
}

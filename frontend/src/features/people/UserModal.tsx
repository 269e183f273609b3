import { Button, Checkbox, Modal, PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { createUser, peopleKeys, type Role, updateUser } from "../../api/people";
import { sessionStore } from "../../api/session";
import type { User } from "../../api/types";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { useStore } from "../../shared/store";
import { ROLES } from "./people";

const LEAST = 12;

/** Adds a user, or changes what is said of one. */
export default function UserModal({
  user,
  onClose,
  onSaved,
}: {
  user: User | null;
  onClose: () => void;
  onSaved?: (user: User) => void;
}) {
  const client = useQueryClient();
  const [username, setUsername] = useState(user?.username ?? "");
  const [first, setFirst] = useState(user?.first_name ?? "");
  const [last, setLast] = useState(user?.last_name ?? "");
  const [email, setEmail] = useState(user?.email ?? "");
  const [role, setRole] = useState<Role>(user?.role ?? "medical");
  const [password, setPassword] = useState("");
  const [mustChange, setMustChange] = useState(user?.must_change_password ?? true);
  const own = useStore(sessionStore).user?.username === user?.username;
  const save = useMutation({
    mutationFn: () => {
      const words = {
        username: username.trim(),
        first_name: first.trim(),
        last_name: last.trim(),
        email: email.trim() || null,
        role,
        must_change_password: mustChange,
      };
      return user ? updateUser(words, user.version ?? 1) : createUser(words, password);
    },
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: peopleKeys.users });
      onClose();
      onSaved?.(saved);
    },
  });
  const named = [username, first, last].every((text) => text.trim() !== "");
  const ready = named && (user !== null || password.length >= LEAST);
  const endsLogins =
    user !== null && (role !== user.role || mustChange !== user.must_change_password);
  return (
    <Modal
      opened
      onClose={onClose}
      title={user ? t("Edit {username}", { username: user.username }) : t("Add user")}
    >
      <form
        className={page.form}
        aria-label={t("User")}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) save.mutate();
        }}
      >
        {!user && (
          <TextInput
            label={t("User name")}
            description={t("With what they log in; it cannot be changed later")}
            data-autofocus
            required
            autoComplete="off"
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
        )}
        <div className={page.pair}>
          <TextInput
            label={t("First name")}
            required
            autoComplete="off"
            value={first}
            onChange={(event) => setFirst(event.currentTarget.value)}
          />
          <TextInput
            label={t("Last name")}
            required
            autoComplete="off"
            value={last}
            onChange={(event) => setLast(event.currentTarget.value)}
          />
        </div>
        <TextInput
          label={t("E-mail")}
          type="email"
          autoComplete="off"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Select
          label={t("Role")}
          description={ROLES[role].about}
          allowDeselect={false}
          value={role}
          onChange={(chosen) => setRole(chosen as Role)}
          data={Object.entries(ROLES).map(([value, { word }]) => ({ value, label: word }))}
        />
        {!user && (
          <PasswordInput
            label={t("First password")}
            description={t("At least {least} characters; hand it over in person", { least: LEAST })}
            required
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
        )}
        <Checkbox
          label={t("Has to set a new password at the next login")}
          checked={mustChange}
          onChange={(event) => setMustChange(event.currentTarget.checked)}
        />
        {endsLogins && (
          <p className="dim" role="status">
            {own ? t("You are logged out by this.") : t("All logins of this user end by this.")}
          </p>
        )}
        <ErrorLine error={save.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" disabled={!ready} loading={save.isPending}>
            {user ? t("Save") : t("Add user")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

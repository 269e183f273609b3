import { Modal, PasswordInput } from "@mantine/core";
import { useState } from "react";

import { peopleKeys, resetPassword } from "../../api/people";
import type { User } from "../../api/types";
import { t } from "../../i18n";
import { SavingForm } from "../../shared/SavingForm";

/** Sets somebody's password; they have to set one of their own at the next login. */
export default function ResetModal({ user, onClose }: { user: User; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [own, setOwn] = useState("");
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("A new password for {username}", { username: user.username })}
    >
      <SavingForm
        label={t("New password")}
        action={t("Set the password")}
        ready={password !== "" && own !== ""}
        save={() => resetPassword(user.username, own, password)}
        changes={[peopleKeys.all]}
        onClose={onClose}
      >
        <p>
          {t(
            "All logins of {username} end, and at the next one they set a password of their own. Hand this one over in person.",
            { username: user.username },
          )}
        </p>
        <PasswordInput
          label={t("New password")}
          description={t("At least 12 characters")}
          data-autofocus
          required
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <PasswordInput
          label={t("Your own password")}
          description={t("You vouch for the change with it")}
          required
          autoComplete="current-password"
          value={own}
          onChange={(event) => setOwn(event.currentTarget.value)}
        />
      </SavingForm>
    </Modal>
  );
}

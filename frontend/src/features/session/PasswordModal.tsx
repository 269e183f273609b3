import { Modal } from "@mantine/core";

import { sessionStore } from "../../api/session";
import { t } from "../../i18n";
import { useStore } from "../../shared/store";
import PasswordForm from "./PasswordForm";

export default function PasswordModal({ onClose }: { onClose: () => void }) {
  const { user } = useStore(sessionStore);
  if (!user) return null;
  return (
    <Modal opened onClose={onClose} title={t("Change password")}>
      <PasswordForm username={user.username} onDone={onClose} onCancel={onClose} />
    </Modal>
  );
}

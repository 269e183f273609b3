import { useQueryClient } from "@tanstack/react-query";

import { liftHold } from "../../api/upkeep";
import { upkeepKeys } from "../../api/upkeepQueries";
import { t } from "../../i18n";
import ConfirmModal from "../../shared/ConfirmModal";

export default function LiftModal({ uid, onClose }: { uid: string; onClose: () => void }) {
  const client = useQueryClient();
  const lift = () =>
    liftHold(uid).finally(() =>
      Promise.all([
        client.invalidateQueries({ queryKey: upkeepKeys.holds }),
        client.invalidateQueries({ queryKey: upkeepKeys.cleaner }),
      ]),
    );
  return (
    <ConfirmModal
      title={t("Lift the hold")}
      action={t("Lift the hold")}
      run={lift}
      onClose={onClose}
    >
      <p>
        {t(
          "From then on the settings of the cleaner decide about the study: what is old enough may be removed within the hour.",
        )}
      </p>
    </ConfirmModal>
  );
}

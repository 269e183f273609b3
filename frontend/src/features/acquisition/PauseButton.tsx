import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";

import { pauseDevice, resumeDevice } from "../../api/endpoints";
import type { AcquisitionTask, Device } from "../../api/types";
import { t } from "../../i18n";
import css from "./acquisition.module.css";

interface Props {
  /** The scan that is under way. */
  task: AcquisitionTask | null;
  device: Device | null;
}

/** There only where the scanner says that it can pause; it never takes the place of STOP. */
export function PauseButton({ task, device }: Props) {
  const rests = task?.status === "PAUSED";
  const ask = useMutation({
    mutationFn: ({ deviceId, taskId }: { deviceId: string; taskId: string }) =>
      (rests ? resumeDevice : pauseDevice)(deviceId, taskId),
  });
  if (!task || !device?.capabilities?.includes("pause")) return null;
  const problem = ask.isError
    ? ask.error.message
    : ask.data && !ask.data.confirmed
      ? ask.data.detail
      : null;
  const scanning = rests || task.status === "INPROGRESS";
  return (
    <div className={css.start}>
      {problem && (
        <span className={css.reason} role="alert" data-fault>
          {problem}
        </span>
      )}
      <button
        type="button"
        className={css.pause}
        disabled={!scanning || ask.isPending}
        onClick={() => ask.mutate({ deviceId: device.id, taskId: task.id })}
      >
        {rests ? (
          <IconPlayerPlay size={18} aria-hidden />
        ) : (
          <IconPlayerPause size={18} aria-hidden />
        )}
        {rests ? t("Go on") : t("Pause")}
      </button>
    </div>
  );
}

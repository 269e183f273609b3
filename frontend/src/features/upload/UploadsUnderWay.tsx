import { Button, Progress } from "@mantine/core";

import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { sizeWords } from "../../shared/size";
import { ErrorLine } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { useStore } from "../../shared/store";
import { IMPORT_STATE, WAITING } from "./looks";
import css from "./upload.module.css";
import { type Upload, uploads } from "./uploads";

const LOOKS = {
  waiting: WAITING,
  sending: { ...IMPORT_STATE.receiving, word: t("Uploading") },
  failed: IMPORT_STATE.failed,
  canceled: IMPORT_STATE.canceled,
};

/** What this browser sends at present, and what it could not send. */
export function UploadsUnderWay() {
  const all = useStore(uploads.store);
  if (all.length === 0) return null;
  return (
    <ul className={css.uploads} aria-label={t("Uploads of this browser")}>
      {all.map((upload) => (
        <Line key={upload.id} upload={upload} />
      ))}
    </ul>
  );
}

function Line({ upload }: { upload: Upload }) {
  const { id, name, bytes, sent, state, error } = upload;
  const open = state === "waiting" || state === "sending";
  return (
    <li>
      <div className={page.line}>
        <StatusBadge look={LOOKS[state]} />
        <span className={css.name}>{name}</span>
        <span className="dim live-number">
          {state === "sending"
            ? t("{sent} of {all}", { sent: sizeWords(sent), all: sizeWords(bytes) })
            : sizeWords(bytes)}
        </span>
        {open ? (
          <Button size="xs" variant="default" onClick={() => uploads.cancel(id)}>
            {t("Cancel")}
          </Button>
        ) : (
          <>
            <Button size="xs" variant="default" onClick={() => uploads.retry(id)}>
              {t("Upload again")}
            </Button>
            <Button size="xs" variant="default" onClick={() => uploads.forget(id)}>
              {t("Forget it")}
            </Button>
          </>
        )}
      </div>
      {state === "sending" && (
        <Progress
          value={(100 * sent) / (bytes || 1)}
          size="sm"
          aria-label={t("{name} uploaded", { name })}
        />
      )}
      <ErrorLine error={error} />
    </li>
  );
}

import { IconAlertOctagon } from "@tabler/icons-react";

import { getCurrentUser } from "../../api/endpoints";
import { t } from "../../i18n";
import { dicomName } from "../../shared/dicomText";
import { shortId } from "../../shared/format";
import css from "./dicom.module.css";
import type { ImageIdentity, Whose } from "./identity";

/** In the place of images that are of somebody else. */
export function Mismatch({
  identity,
  whose,
  because,
}: {
  identity: ImageIdentity;
  whose: Whose;
  because: string;
}) {
  return (
    <div className={css.block} role="alert" data-testid="patient-mismatch">
      <IconAlertOctagon size={36} color="var(--status-fault)" aria-hidden />
      <h2>{t("These images are of another patient")}</h2>
      <p>{t("{because} They are not shown.", { because })}</p>
      <dl>
        <dt>{whose.place}</dt>
        <dd>{t("{whose}, ID {number}", { whose: whose.name, number: whose.number })}</dd>
        <dt>{t("In the image")}</dt>
        <dd>
          {t("{name}, ID {id}", {
            name: dicomName(identity.patientName) || t("no name"),
            id: identity.patientId ? shortId(identity.patientId) : t("none"),
          })}
        </dd>
      </dl>
      <p>{whose.advice}</p>
    </div>
  );
}

/** What a loader threw, in words. */
export function readable(error: unknown): Error {
  const request =
    error instanceof XMLHttpRequest ? error : (error as { request?: XMLHttpRequest })?.request;
  if (request?.status === 401) {
    // Finds out whether the session has ended; then the login page takes over.
    getCurrentUser().catch(() => undefined);
  }
  if (request?.status === 404) return new Error(t("The image file is not in the store."));
  if (request?.status)
    return new Error(t("The image could not be read (HTTP {status}).", { status: request.status }));
  if (error instanceof Error && error.message) return error;
  return new Error(t("The image could not be read or decoded."));
}

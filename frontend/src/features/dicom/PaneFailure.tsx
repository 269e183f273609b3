import { t } from "../../i18n";
import { ErrorState } from "../../shared/states";
import css from "./dicom.module.css";

/** In the place of images that could not be shown. */
export function PaneFailure({
  error,
  safe = t("The files are stored; only showing them failed."),
  onRetry,
}: {
  error: unknown;
  safe?: string;
  onRetry: () => void;
}) {
  return (
    <div className={css.block}>
      <ErrorState error={error} safe={safe} onRetry={onRetry} />
    </div>
  );
}

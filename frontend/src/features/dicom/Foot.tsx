import { IconZoomReset } from "@tabler/icons-react";

import { t } from "../../i18n";
import css from "./dicom.module.css";
import type { Preset } from "./presets";

/** Below the images: which, how it is windowed, and the windows to choose from. */
export function Foot({
  slice,
  window,
  presets,
  onPreset,
  onReset,
}: {
  slice: string;
  window: { center: number; width: number } | null;
  presets: Preset[];
  onPreset: (preset: Preset) => void;
  onReset: () => void;
}) {
  return (
    <div className={css.foot}>
      <span data-testid="slice">{slice}</span>
      {window && (
        <span data-testid="window-level">
          W {Math.round(window.width)} L {Math.round(window.center)}
        </span>
      )}
      <div className={css.tools} role="group" aria-label={t("Window presets")}>
        {presets.map((preset) => (
          <button
            key={preset.key}
            type="button"
            aria-label={t("Window {key}: {preset}", { key: preset.key, preset: preset.name })}
            title={`${preset.key}: ${preset.name}`}
            onClick={() => onPreset(preset)}
          >
            {preset.key}
          </button>
        ))}
        <button
          type="button"
          aria-label={t("Reset the view")}
          title={t("Reset the view (R)")}
          onClick={onReset}
        >
          <IconZoomReset size={18} aria-hidden />
        </button>
      </div>
    </div>
  );
}

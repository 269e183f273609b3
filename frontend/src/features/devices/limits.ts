import type { SystemLimits } from "../../api/types";
import { decimal, t } from "../../i18n";

/** What the hardware can do, as the device told it, in units that people use. Pure. */
interface Limit {
  name: string;
  unit: string;
  /** From the unit of the wire to the one shown. */
  factor: number;
}

const LIMITS: Record<keyof SystemLimits, Limit> = {
  max_gradients: { name: t("Gradient, x y z"), unit: "mT/m", factor: 1 },
  max_slew_rates: { name: t("Slew rate, x y z"), unit: "T/m/s", factor: 1 },
  max_rf_amplitude: { name: t("RF amplitude, B1"), unit: "µT", factor: 1 },
  max_b1_rms: { name: t("B1+rms over 10 s"), unit: "µT", factor: 1 },
  max_rf_duration: { name: t("RF pulse"), unit: "ms", factor: 1e3 },
  max_duration: { name: t("Scan"), unit: "min", factor: 1 / 60 },
  rf_dead_time: { name: t("RF dead time"), unit: "µs", factor: 1e6 },
  rf_ringdown_time: { name: t("RF ringdown time"), unit: "µs", factor: 1e6 },
  adc_deadtime: { name: t("ADC dead time"), unit: "µs", factor: 1e6 },
  gradient_raster_time: { name: t("Gradient raster"), unit: "µs", factor: 1e6 },
  pns_rheobase: { name: t("PNS rheobase"), unit: "T/s", factor: 1 },
  pns_chronaxie: { name: t("PNS chronaxie"), unit: "ms", factor: 1e3 },
  pns_coil_lengths: { name: t("PNS coil length, x y z"), unit: "m", factor: 1 },
};

export interface LimitFact {
  name: string;
  /** Null: the device does not tell it. */
  value: string | null;
}

export function limitFacts(limits: SystemLimits | null | undefined): LimitFact[] {
  return (Object.keys(LIMITS) as (keyof SystemLimits)[]).map((key) => {
    const { name, unit, factor } = LIMITS[key];
    const told = limits?.[key];
    if (told == null) return { name, value: null };
    const values = (Array.isArray(told) ? told : [told]) as number[];
    const shown = values.map((value) => decimal(Number((value * factor).toPrecision(6))));
    return { name, value: `${shown.join("  ")}\u202f${unit}` };
  });
}

import { t } from "../../i18n";

/** What a device announces that it can, and what follows when it does not. Pure. */
export interface Capability {
  word: string;
  name: string;
  can: boolean;
  /** What it means at the scanner. */
  meaning: string;
}

const KNOWN: Record<string, { name: string; can: string; cannot: string }> = {
  stop: {
    name: t("Confirm a stop"),
    can: t("STOP waits for its word that it is at rest."),
    cannot: t("A stop is sent, and nobody hears whether it came: stop it at its console, too."),
  },
  pause: {
    name: t("Pause"),
    can: t("A scan can rest and go on."),
    cannot: t("Pause is not offered."),
  },
  ack: {
    name: t("Acknowledge a start"),
    can: t("A start is confirmed before anything moves."),
    cannot: t("A start is known to have come only when the scan runs."),
  },
  idle: {
    name: t("Say when it is free"),
    can: t("It is busy until it says that it is done."),
    cannot: t("It is taken for free as soon as its data are stored."),
  },
  calibrate: {
    name: t("Calibrate by itself"),
    can: t("It can be asked to calibrate here, and does so before scans that plan it."),
    cannot: t("Calibrate is not offered."),
  },
  stream: {
    name: t("Send data as they are acquired"),
    can: t("A first image does not wait for the last line."),
    cannot: t("Data, and images, come when the scan has ended."),
  },
  parameter_update: {
    name: t("Take and tell parameters"),
    can: t("It gets new parameters at once, and may change them itself."),
    cannot: t("It gets new parameters with its next scan only."),
  },
};

export function capabilitiesOf(announced: string[]): Capability[] {
  const known = Object.entries(KNOWN).map(([word, { name, can, cannot }]) => {
    const able = announced.includes(word);
    return { word, name, can: able, meaning: able ? can : cannot };
  });
  const further = announced
    .filter((word) => !(word in KNOWN))
    .map((word) => ({ word, name: word, can: true, meaning: t("Not known to this interface.") }));
  return [...known, ...further];
}

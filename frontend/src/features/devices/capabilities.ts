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
    name: "Confirm a stop",
    can: "STOP waits for its word that it is at rest.",
    cannot: "A stop is sent, and nobody hears whether it came: stop it at its console, too.",
  },
  pause: {
    name: "Pause",
    can: "A scan can rest and go on.",
    cannot: "Pause is not offered.",
  },
  ack: {
    name: "Acknowledge a start",
    can: "A start is confirmed before anything moves.",
    cannot: "A start is known to have come only when the scan runs.",
  },
  idle: {
    name: "Say when it is free",
    can: "It is busy until it says that it is done.",
    cannot: "It is taken for free as soon as its data are stored.",
  },
  calibrate: {
    name: "Calibrate by itself",
    can: "It can be asked to calibrate here, and does so before scans that plan it.",
    cannot: "Calibrate is not offered.",
  },
  stream: {
    name: "Send data as they are acquired",
    can: "A first image does not wait for the last line.",
    cannot: "Data, and images, come when the scan has ended.",
  },
  parameter_update: {
    name: "Take and tell parameters",
    can: "It gets new parameters at once, and may change them itself.",
    cannot: "It gets new parameters with its next scan only.",
  },
};

export function capabilitiesOf(announced: string[]): Capability[] {
  const known = Object.entries(KNOWN).map(([word, { name, can, cannot }]) => {
    const able = announced.includes(word);
    return { word, name, can: able, meaning: able ? can : cannot };
  });
  const further = announced
    .filter((word) => !(word in KNOWN))
    .map((word) => ({ word, name: word, can: true, meaning: "Not known to this interface." }));
  return [...known, ...further];
}

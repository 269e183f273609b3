import { useDeferredValue, useEffect, useState } from "react";

import { useLatest } from "../../shared/useLatest";

const PAUSE_MS = 150;

/**
 * What is typed, for the rows that are here; the address, and with it the question to the server,
 * follows when the typing rests.
 */
export function useTyped(inAddress: string, onSettled: (text: string) => void) {
  const [typed, setTyped] = useState(inAddress);
  const [known, setKnown] = useState(inAddress);
  const [told, setTold] = useState(inAddress);
  if (known !== inAddress) {
    setKnown(inAddress);
    // Somebody went back, or scanned a barcode. What was told from here may be overtaken by typing.
    if (inAddress !== told) setTyped(inAddress);
  }
  const latest = useLatest(onSettled);
  useEffect(() => {
    if (typed === inAddress) return;
    const timer = window.setTimeout(() => {
      setTold(typed);
      latest.current(typed);
    }, PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [typed, inAddress, latest]);
  return { typed, shown: useDeferredValue(typed), type: setTyped };
}

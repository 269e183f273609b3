import { useEffect } from "react";

import { isTyping } from "../../shared/shortcuts";
import { useLatest } from "../../shared/useLatest";

const KEY_GAP_MS = 40;
const MIN_LENGTH = 5;

/** A barcode scanner types fast and ends with Enter, wherever the focus is. */
export function useBarcode(onCode: (code: string) => void): void {
  const latest = useLatest(onCode);
  useEffect(() => {
    let code = "";
    let lastAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
      const fast = event.timeStamp - lastAt < KEY_GAP_MS;
      lastAt = event.timeStamp;
      if (event.key === "Enter") {
        if (fast && code.length >= MIN_LENGTH) {
          event.preventDefault();
          event.stopImmediatePropagation();
          latest.current(code);
        }
        code = "";
      } else if (event.key.length === 1) {
        code = fast ? code + event.key : event.key;
        // From the second fast key on it is a scanner: no shortcut may hear the rest.
        if (fast && code.length > 1) event.stopImmediatePropagation();
      }
    };
    window.addEventListener("keydown", onKey, true);
    return () => window.removeEventListener("keydown", onKey, true);
  }, [latest]);
}

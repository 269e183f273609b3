import { type RefObject, useInsertionEffect, useRef } from "react";

/** The value of the last finished render, for listeners that outlive it. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}

import { sessionStore } from "../api/session";
import { useStore } from "./store";

/** What the interface offers to whom; the server has the last word. */
const TECHNICAL = ["admin", "engineer"];

/** Null when the user may change devices, else why not. */
export function useMayChangeDevices(): string | null {
  const { user } = useStore(sessionStore);
  return user && TECHNICAL.includes(user.role)
    ? null
    : "Changed by administrators and engineers only.";
}

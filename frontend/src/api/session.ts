import type { User } from "./types";

/** Who is logged in. The token lives in memory only; a reload asks the cookie for a new one. */
export interface Session {
  user: Omit<User, "access_token"> | null;
  token: string | null;
  /** Said on the login page: why the last session ended. */
  endedBecause: string | null;
  /** Whether the next login goes on where this session ended. */
  goesOn: boolean;
}

let session: Session = { user: null, token: null, endedBecause: null, goesOn: false };
const listeners = new Set<() => void>();

export const sessionStore = {
  get: (): Session => session,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  begin(user: User): void {
    const { access_token: token, ...rest } = user;
    set({ user: rest, token: token ?? null, endedBecause: null, goesOn: false });
  },
  end(because: string | null, goesOn = because !== null): void {
    if (session.token === null && session.user === null) return;
    set({ user: null, token: null, endedBecause: because, goesOn });
  },
};

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("scanhub-session") : null;

/** The cookie and the server's session are the browser's, not a tab's: logging out ends them all. */
export const otherTabs = {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
  tellLogout: (): void => channel?.postMessage("logout"),
  onLogout: (listener: () => void): void => channel?.addEventListener("message", listener),
};

/** Asked for at every request, so that nothing keeps an old token. */
export function authorizationHeader(): Record<string, string> {
  return session.token ? { Authorization: `Bearer ${session.token}` } : {};
}

function set(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

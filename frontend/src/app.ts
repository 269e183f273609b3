import { getCurrentUser } from "./api/endpoints";
import { EventStream } from "./api/events";
import { makeQueryClient } from "./api/queries";

/** The two things a tab has one of. */
export const queryClient = makeQueryClient();
export const stream = new EventStream(queryClient, () => {
  // Ends the session when its token is no longer valid; any other trouble is the stream's to retry.
  getCurrentUser().catch(() => undefined);
});

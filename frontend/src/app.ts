import { getCurrentUser } from "./api/endpoints";
import { EventStream } from "./api/events";
import { makeQueryClient } from "./api/queries";
import { otherTabs, sessionStore } from "./api/session";
import { closeExam } from "./features/shell/openExam";
import { t } from "./i18n";

/** The two things a tab has one of. */
export const queryClient = makeQueryClient();
export const stream = new EventStream(queryClient, () => {
  // Ends the session when its token is no longer valid; any other trouble is the stream's to retry.
  getCurrentUser().catch(() => undefined);
});

otherTabs.onLogout(() => {
  closeExam();
  sessionStore.end(t("You have logged out in another tab."), false);
  queryClient.clear();
});

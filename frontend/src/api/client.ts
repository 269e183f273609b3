import createClient, { type Middleware } from "openapi-fetch";

import { t } from "../i18n";
import type { paths as DevicePaths } from "./device-manager";
import type { paths as ExamPaths } from "./exam-manager";
import { endsSession, problemFrom } from "./problem";
import { authorizationHeader, sessionStore } from "./session";
import type { paths as WorkflowPaths } from "./workflow-manager";

const CORRELATION = "X-Correlation-Id";

/** `crypto.randomUUID` exists on secure origins only; a console may be served by plain HTTP. */
function correlationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Adds who asks and an id to find the request by; turns every refusal into an ApiError. */
const conversation: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorizationHeader())) {
      request.headers.set(name, value);
    }
    request.headers.set(CORRELATION, correlationId());
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return;
    const body: unknown = await response.json().catch(() => null);
    const id = response.headers.get(CORRELATION) ?? request.headers.get(CORRELATION);
    const problem = problemFrom(response.status, body, id);
    // A late answer to an earlier session's token does not end the one that began since.
    const present = request.headers.get("Authorization") === authorizationHeader().Authorization;
    if (present && endsSession(problem))
      sessionStore.end(t("Your session has ended. Log in to go on."));
    throw problem;
  },
  onError({ request, error }) {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return problemFrom(
      0,
      {
        title: t("No answer from the server"),
        detail: t("The request did not reach the server, or its answer was lost."),
      },
      request.headers.get(CORRELATION),
    );
  },
};

export const client = createClient<ExamPaths & DevicePaths & WorkflowPaths>({
  baseUrl: window.location.origin,
  fetch: (request: Request) => fetch(request),
});
client.use(conversation);

/** The body of an answer that came; one that did not has thrown in the conversation. */
export async function answer<Data>(call: Promise<{ data?: Data }>): Promise<Data> {
  return (await call).data as Data;
}

import createClient from "openapi-fetch";

import { ApiError, endsSession, problemFrom } from "./problem";
import { authorizationHeader, sessionStore } from "./session";

export interface CallOptions {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  form?: Record<string, string>;
  path?: Record<string, string>;
  signal?: AbortSignal;
}
type Method = "get" | "post" | "put" | "delete";
interface RawClient {
  request(
    method: Method,
    path: string,
    init: Record<string, unknown>,
  ): Promise<{ data?: unknown; error?: unknown; response: Response }>;
}

const client = createClient({
  baseUrl: window.location.origin,
  fetch: (request: Request) => fetch(request),
});
client.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorizationHeader())) {
      request.headers.set(name, value);
    }
    return request;
  },
});
const raw = client as unknown as RawClient;

/** One request; the answer's body, or an ApiError that says what happened. */
export async function call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
  const correlationId = crypto.randomUUID();
  const { data, error, response } = await raw
    .request(method, path, {
      params: { path: options.path, query: options.query },
      headers: { "X-Correlation-Id": correlationId },
      signal: options.signal,
      ...bodyOf(options),
    })
    .catch((cause: unknown) => {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw problemFrom(
        0,
        {
          title: "No answer from the server",
          detail: "The request did not reach the server or its answer was lost.",
        },
        correlationId,
      );
    });
  if (response.ok) return data as T;
  const problem = problemFrom(
    response.status,
    error,
    response.headers.get("X-Correlation-Id") ?? correlationId,
  );
  if (endsSession(problem)) sessionStore.end("Your session has ended. Log in to go on.");
  throw problem;
}

function bodyOf({ body, form }: CallOptions): Record<string, unknown> {
  if (form) {
    return {
      body: form,
      bodySerializer: (fields: Record<string, string>) => new URLSearchParams(fields),
    };
  }
  return body === undefined ? {} : { body };
}

export { ApiError };

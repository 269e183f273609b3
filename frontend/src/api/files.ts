import { problemFrom } from "./problem";
import { authorizationHeader } from "./session";

/** A file as bytes, with the token of the one who asks; a refusal says why. */
export async function fetchFile(url: string, signal: AbortSignal, accept?: string): Promise<Blob> {
  const headers = { ...authorizationHeader(), ...(accept && { Accept: accept }) };
  const response = await fetch(url, { headers, signal });
  if (response.ok) return response.blob();
  const body: unknown = await response.json().catch(() => null);
  throw problemFrom(response.status, body, response.headers.get("X-Correlation-Id"));
}

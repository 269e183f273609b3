import { shownLanguage, t } from "../i18n";
import { serverText } from "../i18n/server";

/** A refused or failed request, in the words of the server's problem document. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly slug: string,
    readonly reasons: string[],
    readonly correlationId: string | null,
    /** Further members of the problem document, as they came. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail || title);
  }
}

const TOKEN_INVALID = "token-invalid";

/**
 * Only a 401 that says the token itself is bad ends the session: a 401 made by a proxy or a service
 * that cannot reach its verifier must not throw the technician out of a running scan.
 */
export function endsSession(error: ApiError): boolean {
  return error.status === 401 && error.slug === TOKEN_INVALID;
}

export function problemFrom(status: number, body: unknown, correlationId: string | null): ApiError {
  const record = isRecord(body) ? body : {};
  const slug = text(record.slug) || text(record.type).split("/").pop() || "";
  const title =
    serverText(text(record.title)) ||
    (status === 0 ? t("No answer") : t("Error {status}", { status }));
  return new ApiError(
    status,
    title,
    detailOf(record) || title,
    slug,
    reasonsOf(record),
    correlationId ?? (text(record.correlation_id) || null),
    record,
  );
}

/** Several reasons or fields in one sentence are translated one by one. */
function detailOf(record: Record<string, unknown>): string {
  const detail = text(record.detail);
  const said = serverText(detail);
  if (said !== detail || shownLanguage() === "en") return said || fieldErrors(record);
  const reasons = Array.isArray(record.reasons) ? record.reasons : [];
  if (detail === reasons.join(" ")) return reasonsOf(record).join(" ");
  return fieldErrors(record) || detail;
}

/** What a refusal says of single fields, by their path in what was sent: `limits.cpus`. */
export function fieldProblems(error: unknown): { field: string; problem: string }[] {
  const errors = error instanceof ApiError ? error.members.errors : null;
  if (!Array.isArray(errors)) return [];
  return errors.filter(isRecord).flatMap((found) => {
    const path = /^\/body\/(.+)$/.exec(text(found.pointer))?.[1];
    return path
      ? [{ field: path.replaceAll("/", "."), problem: serverText(text(found.detail)) }]
      : [];
  });
}

function reasonsOf(record: Record<string, unknown>): string[] {
  if (!Array.isArray(record.reasons)) return [];
  return record.reasons
    .map((reason) =>
      serverText(isRecord(reason) ? text(reason.detail) || text(reason.message) : text(reason)),
    )
    .filter(Boolean);
}

function fieldErrors(record: Record<string, unknown>): string {
  const errors = Array.isArray(record.errors)
    ? record.errors
    : Array.isArray(record.detail)
      ? record.detail
      : [];
  return errors
    .filter(isRecord)
    .map((error) => {
      const field = text(error.pointer) || (Array.isArray(error.loc) ? error.loc.join(".") : "");
      const said = serverText(text(error.detail) || text(error.msg));
      return field ? `${field}: ${said}` : said;
    })
    .join("; ");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

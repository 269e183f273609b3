"""Errors of the domain. They know their HTTP status and slug, and nothing of FastAPI.

One handler (`scanhub_libraries.web`) renders them as RFC 9457 problem details; the typed clients
turn problem details of another service back into these classes.
"""

from typing import Any, ClassVar


class ScanHubError(Exception):
    """An expected error: `detail` says what is wrong and what to do.

    Extensions are further members of the problem document, for example `reasons=[...]`.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **extensions: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions = extensions
        self.headers: dict[str, str] = {}
        """Further headers of the answer, where a protocol asks for them."""


class BadRequestError(ScanHubError):
    """The request cannot be understood or breaks a rule of the exam tree."""

    status, slug, title = 400, "bad-request", "Bad request"


class UnauthenticatedError(ScanHubError):
    """No credential, or one that is not valid any more."""

    status, slug, title = 401, "unauthenticated", "Not authenticated"


class TokenInvalidError(UnauthenticatedError):
    """A token was shown and is wrong, expired or revoked. Only this one means: log in again."""

    slug, title = "token-invalid", "Token invalid"


class ForbiddenError(ScanHubError):
    """The caller is known and may not do this."""

    status, slug, title = 403, "forbidden", "Forbidden"


class PasswordChangeRequiredError(ForbiddenError):
    """The user has to set a new password before anything else."""

    slug, title = "password-change-required", "Password change required"


class ClientCertificateError(ForbiddenError):
    """The token is right, but not the TLS client certificate that is asked for beside it."""

    slug, title = "client-certificate", "Client certificate required"


class NotFoundError(ScanHubError):
    """There is no such thing."""

    status, slug, title = 404, "not-found", "Not found"


class ConflictError(ScanHubError):
    """The state of the thing forbids it."""

    status, slug, title = 409, "conflict", "Conflict"


class RequestTimeoutError(ScanHubError):
    """The rest of the request did not come in time."""

    status, slug, title = 408, "request-timeout", "Request not complete in time"


class TransitionNotAllowedError(ConflictError):
    """The transition table has no such row."""

    slug, title = "transition-not-allowed", "Status change not allowed"


class GoneError(ScanHubError):
    """It was there, and nobody will want it again."""

    status, slug, title = 410, "gone", "Gone"


class StaleVersionError(ScanHubError):
    """Somebody changed the record since it was read."""

    status, slug, title = 412, "stale-version", "Record was changed in between"


class ProtocolVersionError(ScanHubError):
    """The caller speaks another version of the protocol."""

    status, slug, title = 412, "protocol-version", "Protocol version not supported"


class NotAcceptableError(ScanHubError):
    """Nothing of what there is has a media type that the client takes."""

    status, slug, title = 406, "not-acceptable", "Not acceptable"


class PayloadTooLargeError(ScanHubError):
    """More bytes than the endpoint takes."""

    status, slug, title = 413, "payload-too-large", "Payload too large"


class UnsupportedMediaTypeError(ScanHubError):
    """The body is not of the kind that the endpoint takes."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class RangeNotSatisfiableError(ScanHubError):
    """The part of a file that was asked for is not in it."""

    status, slug, title = 416, "range-not-satisfiable", "Range not satisfiable"


class UnprocessableError(ScanHubError):
    """The content is well-formed but wrong: a value, a file, a limit."""

    status, slug, title = 422, "unprocessable", "Content not acceptable"


class TooManyRequestsError(ScanHubError):
    """The caller has to wait."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class ChecksumMismatchError(ScanHubError):
    """The bytes that came are not those that were announced (460 is tus's own status)."""

    status, slug, title = 460, "checksum-mismatch", "Checksum mismatch"


class NotImplementedHereError(ScanHubError):
    """The contract has it, this installation cannot do it."""

    status, slug, title = 501, "not-implemented", "Not implemented"


class UpstreamError(ScanHubError):
    """Another service answered something that cannot be used."""

    status, slug, title = 502, "upstream", "Another service failed"


class UnavailableError(ScanHubError):
    """Not now: a device is offline, a service is starting, a database is away."""

    status, slug, title = 503, "unavailable", "Unavailable"


class InsufficientStorageError(ScanHubError):
    """There is no room for it; whoever has it keeps it."""

    status, slug, title = 507, "insufficient-storage", "No room"


class InvalidTransactionError(ConflictError):
    """A claim was shown that does not hold (any more)."""

    slug, title = "not-claimant", "Not the claimant"


_CLASSES: tuple[type[ScanHubError], ...] = (
    BadRequestError,
    UnauthenticatedError,
    TokenInvalidError,
    ForbiddenError,
    PasswordChangeRequiredError,
    ClientCertificateError,
    NotFoundError,
    RequestTimeoutError,
    ConflictError,
    TransitionNotAllowedError,
    InvalidTransactionError,
    GoneError,
    StaleVersionError,
    ProtocolVersionError,
    NotAcceptableError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
    RangeNotSatisfiableError,
    UnprocessableError,
    TooManyRequestsError,
    ChecksumMismatchError,
    NotImplementedHereError,
    UpstreamError,
    UnavailableError,
    InsufficientStorageError,
)
_BY_SLUG = {cls.slug: cls for cls in _CLASSES}
_BY_STATUS = {cls.status: cls for cls in reversed(_CLASSES)}
PROBLEM_MEMBERS = ("type", "title", "status", "detail", "instance", "correlation_id")


def problem_type(slug: str) -> str:
    """Return the `type` member of a problem document."""
    return f"/problems/{slug}"


def error_from_problem(status: int, problem: dict[str, Any]) -> ScanHubError:
    """Turn a problem document of another service back into the error it was.

    Args:
        status: HTTP status of the answer.
        problem: The decoded body; may be empty.
    """
    slug = str(problem.get("type", "")).rsplit("/", 1)[-1]
    cls = _BY_SLUG.get(slug) or _BY_STATUS.get(status)
    if cls is None:
        cls = UpstreamError if status >= 500 else BadRequestError  # noqa: PLR2004 - HTTP classes
    detail = str(problem.get("detail") or f"The service answered HTTP {status}.")
    extensions = {key: value for key, value in problem.items() if key not in PROBLEM_MEMBERS}
    return cls(detail, **extensions)

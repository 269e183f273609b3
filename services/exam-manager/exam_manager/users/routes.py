"""HTTP: /api/v1/userlogin."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Form, Header, Query, Request, Response, status

from exam_manager.dependencies import (
    NowDep,
    RevocationsDep,
    SessionsDep,
    SettingsDep,
    SignerDep,
)
from exam_manager.pages import NamedPageDep, PageDep
from exam_manager.settings import ExamManagerSettings
from exam_manager.users import logins, service
from exam_manager.users.lockout import Attempt, unlock
from exam_manager.users.revocations import list_revocations
from exam_manager.users.rules import check_same_site, username_of
from exam_manager.users.sessions import end_session, end_sessions, list_sessions
from scanhub_libraries.models import (
    PasswordUpdateRequest,
    Revocations,
    ServiceCredentials,
    ServiceToken,
    SessionOut,
    User,
    UserRole,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.security.tokens import USER_LIFETIME
from scanhub_libraries.versions import etag
from scanhub_libraries.web import COOKIE, IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/userlogin", tags=["users"])
_COOKIE_PATH = "/api/v1"


def _address(request: Request) -> str:
    return request.client.host[:64] if request.client else ""


def _set_cookie(
    request: Request, response: Response, settings: ExamManagerSettings, token: str
) -> None:
    secure = settings.cookie_secure
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(USER_LIFETIME.total_seconds()),
        path=_COOKIE_PATH,
        secure=request.url.scheme == "https" if secure is None else secure,
        httponly=True,
        samesite="strict",
    )


@router.post("/login", summary="Log in")
async def login(
    *,
    request: Request,
    response: Response,
    sessions: SessionsDep,
    signer: SignerDep,
    settings: SettingsDep,
    now: NowDep,
    username: Annotated[ShortText, Form()],
    password: Annotated[str, Form(max_length=1024)],
    sec_fetch_site: Annotated[str | None, Header(include_in_schema=False)] = None,
    user_agent: Annotated[str, Header(include_in_schema=False)] = "",
) -> User:
    """Return the user; `access_token` is the bearer token, also set as a cookie."""
    check_same_site(sec_fetch_site)
    gate = request.app.state.login_gate
    attempt = Attempt(username_of(username), password, _address(request), now)
    user = await logins.log_in(sessions, signer, gate, attempt, user_agent=user_agent[:200])
    _set_cookie(request, response, settings, user.access_token)
    return user


@router.post("/loginfromcookie", summary="Go on with the login of the cookie")
async def login_from_cookie(request: Request, session: SessionDep, now: NowDep) -> User:
    """Return the user of the cookie with the bearer token."""
    return await logins.renew_from_cookie(
        session, request.app.state.verifier, request.cookies.get(COOKIE), now=now
    )


@router.post("/logout", summary="End this login")
async def logout(
    response: Response,
    session: SessionDep,
    principal: PrincipalDep,
    revocations: RevocationsDep,
    now: NowDep,
) -> None:
    """End this login in every service within seconds; other logins of the user go on."""
    await logins.log_out(session, principal, revocations, now=now)
    response.delete_cookie(COOKIE, path=_COOKIE_PATH, httponly=True, samesite="strict")


@router.post("/servicetoken", summary="Get the token of a service")
async def service_token(
    credentials: ServiceCredentials, settings: SettingsDep, signer: SignerDep
) -> ServiceToken:
    """Return a short-lived token for a service that shows its secret."""
    return logins.sign_service_token(settings, signer, credentials)


@router.get("/revocations", summary="Revoked logins, for the services")
async def revocations(
    session: SessionDep, after: Annotated[int, Query(ge=0, lt=2**62)] = 0
) -> Revocations:
    """Return what was revoked after a number."""
    return await list_revocations(session, after)


@router.get("/getcurrentuser", summary="Who is logged in")
async def get_current_user(
    *,
    session: SessionDep,
    sessions: SessionsDep,
    principal: PrincipalDep,
    response: Response,
    afterwards: BackgroundTasks,
    now: NowDep,
) -> User:
    """Return the user of the token; that the user was here is kept, to the minute."""
    account = await service.get_user(session, principal.subject)
    if service.is_activity_due(account, now):
        # After the answer: a read waits for no writer.
        afterwards.add_task(service.note_activity, sessions, principal.subject, now=now)
    response.headers.update(etag(account.version))
    return service.user_out(account)


@router.get("/getallusers", summary="All users")
async def get_all_users(
    *,
    session: SessionDep,
    page: NamedPageDep,
    search: Annotated[ShortText | None, Query(description="Part of a name or the email")] = None,
    role: Annotated[UserRole | None, Query(description="Only users with this role")] = None,
    request: Request,
    response: Response,
) -> list[User]:
    """Return users by user name, without passwords or tokens."""
    users = await service.list_users(session, page, search=search, role=role)
    return page.cut(users, lambda user: user.username, request, response)


@router.get("/checknousers", summary="Say whether there is no user yet")
async def check_no_users(session: SessionDep) -> bool:
    """Return true as long as the first user is to be created."""
    return await service.has_no_users(session)


@router.post(
    "/createfirstuser", status_code=status.HTTP_201_CREATED, summary="Create the first admin"
)
async def create_first_user(user: User, sessions: SessionsDep, now: NowDep) -> User:
    """Create the first user; the password is in `access_token`."""
    return await service.create_first_user(sessions, user, now=now)


@router.post("/createuser", status_code=status.HTTP_201_CREATED, summary="Create a user")
async def create_user(user: User, sessions: SessionsDep, now: NowDep) -> User:
    """Create a user; the password is in `access_token`, `token_type` is `password`.

    With `must_change_password` the first login is good for setting a new one only.
    """
    return await service.create_user(sessions, user, now=now)


@router.put("/updateuser", summary="Change a user")
async def update_user(
    *,
    user: User,
    session: SessionDep,
    revocations: RevocationsDep,
    if_match: IfMatchDep = None,
    response: Response,
    now: NowDep,
) -> User:
    """Change names, email, role and `must_change_password`.

    Without `must_change_password` it stays as it is. A change of it or of the role ends the logins
    of that user.
    """
    updated = await service.update_user(session, user, revocations, if_match=if_match, now=now)
    response.headers.update(etag(updated.version or 1))
    return updated


@router.post(
    "/unlockuser", status_code=status.HTTP_204_NO_CONTENT, summary="Forget wrong passwords"
)
async def unlock_user(username: Annotated[ShortText, Query()], session: SessionDep) -> None:
    """Let a user log in again at once after too many wrong passwords."""
    await unlock(session, username)


@router.get("/sessions", summary="Logins that have not ended")
async def get_sessions(
    *,
    session: SessionDep,
    page: PageDep,
    username: Annotated[ShortText | None, Query(description="Of this user; default: own")] = None,
    everybody: Annotated[bool, Query(description="Of all users, for an admin")] = False,
    principal: PrincipalDep,
    request: Request,
    response: Response,
    now: NowDep,
) -> list[SessionOut]:
    """Return logins, newest first: one's own; an admin sees those of others too."""
    found = await list_sessions(
        session, page, username=username, everybody=everybody, principal=principal, now=now
    )
    return page.cut(found, lambda login: login.id, request, response)


@router.delete(
    "/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT, summary="End a login"
)
async def delete_session(
    session_id: UUID,
    session: SessionDep,
    principal: PrincipalDep,
    revocations: RevocationsDep,
    now: NowDep,
) -> None:
    """End a login in every service within seconds: one's own, or as admin anybody's."""
    await end_session(session, revocations, session_id, principal=principal, now=now)


@router.delete(
    "/sessions", status_code=status.HTTP_204_NO_CONTENT, summary="End all logins of a user"
)
async def delete_sessions(
    *,
    session: SessionDep,
    username: Annotated[ShortText | None, Query(description="Default: one's own")] = None,
    principal: PrincipalDep,
    revocations: RevocationsDep,
    now: NowDep,
) -> None:
    """End all other logins of one's own, or as admin all of somebody else's."""
    await end_sessions(session, revocations, username, principal=principal, now=now)


@router.delete("/deleteuser", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a user")
async def delete_user(
    username_to_delete: Annotated[ShortText, Query()],
    session: SessionDep,
    principal: PrincipalDep,
    revocations: RevocationsDep,
    now: NowDep,
) -> None:
    """Delete a user and end their logins."""
    await service.delete_user(
        session, username_to_delete, revocations, principal=principal, now=now
    )


@router.put("/changepassword", summary="Change a password")
async def change_password(
    *,
    update: PasswordUpdateRequest,
    request: Request,
    sessions: SessionsDep,
    principal: PrincipalDep,
    revocations: RevocationsDep,
    now: NowDep,
) -> None:
    """Change one's own password, or as admin anybody's; the logins of that user end.

    A password has 12 to 1024 characters (Unicode form NFKC), is none that is tried first and not
    made of the user's names, and one's own new one differs from the present one. A 400 tells in
    `rule` which of these it breaks: length, blank, common, names, unchanged.
    """
    await logins.change_password(
        sessions,
        request.app.state.login_gate,
        revocations,
        update,
        principal=principal,
        address=_address(request),
        now=now,
    )

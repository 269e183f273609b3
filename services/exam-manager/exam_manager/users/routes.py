"""HTTP: /api/v1/userlogin."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response, status

from exam_manager.dependencies import NowDep, RevocationsDep, SessionsDep, SettingsDep, SignerDep
from exam_manager.settings import ExamManagerSettings
from exam_manager.users import logins, service
from exam_manager.users.revocations import list_revocations
from scanhub_libraries.models import (
    PasswordUpdateRequest,
    Revocations,
    ServiceCredentials,
    ServiceToken,
    User,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.security.tokens import USER_LIFETIME
from scanhub_libraries.web import COOKIE, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/userlogin", tags=["users"])
_COOKIE_PATH = "/api/v1"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


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
) -> User:
    """Return the user; `access_token` is the bearer token, also set as a cookie."""
    user = await logins.log_in(
        sessions,
        signer,
        request.app.state.login_gate,
        username=username,
        password=password,
        address=_address(request),
        now=now,
    )
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
async def get_current_user(session: SessionDep, principal: PrincipalDep) -> User:
    """Return the user of the token."""
    return service.user_out(await service.get_user(session, principal.subject))


@router.get("/getallusers", summary="All users")
async def get_all_users(session: SessionDep) -> list[User]:
    """Return all users, without passwords or tokens."""
    return await service.list_users(session)


@router.get("/checknousers", summary="Say whether there is no user yet")
async def check_no_users(session: SessionDep) -> bool:
    """Return true as long as the first user is to be created."""
    return await service.has_no_users(session)


@router.post(
    "/createfirstuser", status_code=status.HTTP_201_CREATED, summary="Create the first admin"
)
async def create_first_user(user: User, session: SessionDep, now: NowDep) -> User:
    """Create the first user; the password is in `access_token`."""
    return await service.create_first_user(session, user, now=now)


@router.post("/createuser", status_code=status.HTTP_201_CREATED, summary="Create a user")
async def create_user(user: User, session: SessionDep, now: NowDep) -> User:
    """Create a user; the password is in `access_token`, `token_type` is `password`."""
    return await service.create_user(session, user, now=now)


@router.put("/updateuser", summary="Change a user")
async def update_user(
    user: User, session: SessionDep, revocations: RevocationsDep, now: NowDep
) -> User:
    """Change names, email and role; a new role ends the logins of that user."""
    return await service.update_user(session, user, revocations, now=now)


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
    """Change one's own password, or as admin anybody's; the logins of that user end."""
    await logins.change_password(
        sessions,
        request.app.state.login_gate,
        revocations,
        update,
        principal=principal,
        address=_address(request),
        now=now,
    )

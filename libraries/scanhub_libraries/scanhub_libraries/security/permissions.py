"""Who may call what: one row per route of every service, in a table for each service.

A route without a row is refused, and a test walks the OpenAPI of every service to find it.
"""

from scanhub_libraries.errors import (
    ForbiddenError,
    PasswordChangeRequiredError,
    UnauthenticatedError,
)
from scanhub_libraries.security.access import Access
from scanhub_libraries.security.device_permissions import DEVICE_PERMISSIONS
from scanhub_libraries.security.exam_permissions import EXAM_PERMISSIONS
from scanhub_libraries.security.principal import Principal, PrincipalKind
from scanhub_libraries.security.workflow_permissions import WORKFLOW_PERMISSIONS

PERMISSIONS: dict[str, Access] = {
    **EXAM_PERMISSIONS,
    **DEVICE_PERMISSIONS,
    **WORKFLOW_PERMISSIONS,
}


def is_public(route: str) -> bool:
    """Say whether anybody may call the route, logged in or not."""
    access = PERMISSIONS.get(route)
    return access is not None and access.public


def check_access(route: str, principal: Principal) -> None:
    """Refuse what the table does not allow.

    Args:
        route: `METHOD /path/{template}`.
        principal: Who is asking.

    Raises:
        UnauthenticatedError: Nobody is logged in and the route is not public.
        PasswordChangeRequiredError: The user has to set a new password first.
        ForbiddenError: The principal may not do this.
    """
    access = PERMISSIONS.get(route)
    if access is not None and access.allows(principal):
        open_before = access.public or access.before_password_change
        if principal.must_change_password and not open_before:
            raise PasswordChangeRequiredError(
                "Set a new password first (PUT /api/v1/userlogin/changepassword), then log in with "
                "it."
            )
        return
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise UnauthenticatedError("Not authenticated: log in and send the token as Bearer.")
    if access is None:
        raise ForbiddenError(f"Nobody may call {route}: it has no row in the permission table.")
    needed = ", ".join(sorted(role.value for role in access.roles))
    needed = needed or _without_roles(access)
    raise ForbiddenError(f"{principal.actor} may not do this; it takes {needed}.")


def _without_roles(access: Access) -> str:
    """Say who may call what no user may."""
    if access.steps:
        return "the job that runs"
    return "the key of the installation" if access.key else "a service"

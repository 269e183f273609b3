"""Kinds of access: who a row of the permission table lets in."""

from dataclasses import dataclass

from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.security.principal import Principal, PrincipalKind

_ADMIN = frozenset({UserRole.ADMIN})
_EVERYBODY = frozenset(UserRole)
_CLINICAL = frozenset({UserRole.ADMIN, UserRole.MEDICAL, UserRole.SCIENTIST})
_TECHNICAL = frozenset({UserRole.ADMIN, UserRole.ENGINEER})
_PLANNING = frozenset({UserRole.ADMIN, UserRole.MEDICAL, UserRole.SCIENTIST, UserRole.ENGINEER})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route."""

    roles: frozenset[UserRole] = frozenset()
    services: bool = False
    tasks: bool = False
    jobs: bool = False
    steps: bool = False
    key: str | None = None
    """Name of the shared key that opens it too: for programs that cannot log in."""
    public: bool = False
    before_password_change: bool = False
    """Also open to a user who has to set a new password first."""

    def allows(self, principal: Principal) -> bool:
        """Say whether the principal may call the route."""
        if self.public:
            return True
        match principal.kind:
            case PrincipalKind.USER:
                return principal.role in self.roles
            case PrincipalKind.KEY:
                return self.key is not None and self.key == principal.subject
            case kind:
                return {
                    PrincipalKind.SERVICE: self.services,
                    PrincipalKind.TASK: self.tasks,
                    PrincipalKind.JOB: self.jobs,
                    PrincipalKind.STEP: self.steps,
                }.get(kind, False)


PUBLIC = Access(public=True)
READ = Access(roles=_EVERYBODY, services=True)
USERS = Access(roles=_EVERYBODY)
OWN_LOGIN = Access(roles=_EVERYBODY, before_password_change=True)
CLINICAL = Access(roles=_CLINICAL)
PLANNING = Access(roles=_PLANNING)
SCANNING = Access(roles=_PLANNING, services=True)
TECHNICAL = Access(roles=_TECHNICAL)
ADMIN = Access(roles=_ADMIN)
SERVICE = Access(services=True)
TASK = Access(tasks=True)
STEP = Access(steps=True)
METRICS = "metrics"
MEASURED = Access(roles=_ADMIN, key=METRICS)
BOOKKEEPER = "bookkeeper"
REPORT = Access(key=BOOKKEEPER)
READ_REPORTS = Access(roles=_EVERYBODY, key=BOOKKEEPER)
CLAIMANT = Access(services=True, tasks=True, jobs=True)
READ_TASK = Access(roles=_EVERYBODY, services=True, tasks=True, jobs=True)
FIRST_LEVEL = CLINICAL
"""Who may answer for a scan beyond the Normal Operating Mode; named in the body of a start."""
WRITE_TASK = Access(roles=_PLANNING, services=True, tasks=True, jobs=True)
WRITE_RESULT = Access(roles=_CLINICAL, services=True, tasks=True, jobs=True)
TECHNICAL_OR_SERVICE = Access(roles=_TECHNICAL, services=True)
TECHNICAL_OR_TASK = Access(roles=_TECHNICAL, tasks=True)

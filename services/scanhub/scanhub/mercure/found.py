"""What a `mercure.json` becomes: records and settings of ours, and what stays behind."""

from dataclasses import dataclass, field

from scanhub_libraries.models import RuleIn
from scanhub_libraries.models.module import ModuleIn
from scanhub_libraries.models.target import TargetDocument


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Something that was not taken over, or not as it was."""

    what: str
    why: str


@dataclass(slots=True)
class Found:
    """A translated configuration; nothing of it has been brought anywhere yet."""

    targets: list[TargetDocument] = field(default_factory=list)
    rules: list[RuleIn] = field(default_factory=list)
    modules: list[ModuleIn] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """Variables of the environment, for who runs the server to set."""
    left_behind: list[LeftBehind] = field(default_factory=list)

    def leave(self, what: str, why: str) -> None:
        """Note what is not taken over."""
        self.left_behind.append(LeftBehind(what, why))

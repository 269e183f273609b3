"""What a move tells on the console."""

from rich.console import Console
from rich.markup import escape

from scanhub.mercure.bring import Became, Brought
from scanhub.mercure.found import Found

_STYLES = {Became.MADE: "green", Became.CHANGED: "yellow", Became.REFUSED: "red"}


def tell(console: Console, brought: Brought) -> None:
    """Tell what became of one thing."""
    style = _STYLES.get(brought.became, "dim")
    detail = f": {escape(brought.detail)}" if brought.detail else ""
    console.print(
        f"[{style}]{brought.became.value}[/{style}]  {escape(brought.what)}{detail}",
        soft_wrap=True,
        highlight=False,
    )


def tell_the_rest(console: Console, found: Found) -> None:
    """Tell which variables to set, and what stays behind."""
    if found.settings:
        console.print("\nFor the environment of the server:", highlight=False)
        for name, value in found.settings.items():
            console.print(f"  {name}={value}", markup=False, highlight=False, soft_wrap=True)
    if found.left_behind:
        console.print("\nNot taken over:", highlight=False)
        for left in found.left_behind:
            console.print(
                f"  {left.what}: {left.why}", markup=False, highlight=False, soft_wrap=True
            )

"""The size gate: no module over 400 lines, no function over 40.

A module that is longer is two modules; a function that is longer hides one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("libraries", "services", "scripts", "bench", "tests")


def too_long(path: Path) -> Iterator[str]:
    """Yield a sentence for the module, if it is too long, and for each such function in it."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > MAX_MODULE_LINES:
        yield f"{path}:1: {lines} lines, at most {MAX_MODULE_LINES}"
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = function_lines(node)
            if length > MAX_FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {length} lines, "
                    f"at most {MAX_FUNCTION_LINES}"
                )


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines from `def` on; its docstring is free."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        return length
    return length - ((first.end_lineno or first.lineno) - first.lineno + 1)


def modules(root: Path) -> Iterator[Path]:
    """Yield the Python modules that we wrote; migrations are written by a tool."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if "versions" not in path.parts:
                yield path


def main() -> int:
    """Print each offence; the exit code says whether there was one."""
    offences = [sentence for path in modules(ROOT) for sentence in too_long(path)]
    for sentence in offences:
        print(sentence, file=sys.stderr)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())

"""From the text of a rule to its tree, within limits. Pure.

A tag is written `tags.Keyword`, `tags["Keyword"]`, or `@Keyword@` as in older rules.
"""

import ast
import warnings
from functools import lru_cache

from workflow_manager.routing_rules.limits import (
    DEEPEST,
    MOST_LETTERS,
    MOST_NODES,
    RuleError,
    TooCostlyError,
    check_bits,
)
from workflow_manager.routing_rules.places import OLD_TAG, rewritten
from workflow_manager.routing_rules.tags import TagNotFoundError, Tags


def parse(text: str, tags: Tags) -> ast.expr:
    """Return the tree of an expression.

    `@Keyword@` is looked up first, wherever it stands, even within quotes: a rule that names an
    unknown tag this way does not hold, whatever else it says.

    Raises:
        RuleError: It is no expression, or a larger one than may be.
        TagNotFoundError: One of the `@Keyword@` does not exist.
    """
    if len(text) > MOST_LETTERS:
        raise TooCostlyError(f"The expression has more than {MOST_LETTERS} letters.")
    for found in OLD_TAG.finditer(text):
        if found.group(1) not in tags:
            raise TagNotFoundError(found.group(1))
    return _parse(rewritten(text))


@lru_cache(maxsize=128)
def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python finds odd in 'a' is 'a'
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        told = RuleError(_told(error))
        told.at = error
        raise told from None
    except (ValueError, RecursionError, MemoryError):
        raise RuleError("The expression cannot be read: it is nested too deep.") from None
    _check_size(tree)
    return tree


def _told(error: SyntaxError) -> str:
    if isinstance(error, IndentationError):
        return "The expression begins with a blank: leave it out."
    place = f" at letter {error.offset}" if error.offset else ""
    return f"This is no expression{place}: {error.msg}."


def _check_size(tree: ast.expr) -> None:
    """Refuse what is nested deep: walking through it takes the stack of the program."""
    level: list[ast.AST] = [tree]
    nodes = 0
    for _ in range(DEEPEST):
        nodes += len(level)
        if nodes > MOST_NODES:
            raise TooCostlyError(f"The expression has more than {MOST_NODES} parts.")
        for node in level:
            if isinstance(node, ast.Constant) and isinstance(node.value, int):
                check_bits(node.value.bit_length())
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise TooCostlyError(f"The expression is nested more than {DEEPEST} levels deep.")

"""Rules of mercure to rules of ours: the language and the options are the same."""

import json
from typing import Any

from pydantic import ValidationError

from scanhub.mercure.found import Found
from scanhub.mercure.targets import why_not
from scanhub_libraries.models import RuleIn
from scanhub_libraries.models.routing_rule import RuleOptions

_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no", ""}


def translate_rules(rules: Any, found: Found) -> None:
    """Translate the part `rules` of a configuration, in its order.

    Args:
        rules: Name to options, as in the file.
        found: Takes the rules, and what was left behind.
    """
    if not isinstance(rules, dict):
        found.leave("rules", "it is no object of names and options")
        return
    for name, options in rules.items():
        if not isinstance(options, dict):
            found.leave(f"rule {name}", "it is no object of options")
            continue
        rule = _translate(str(name), options, found)
        if rule is not None:
            found.rules.append(rule)


def _translate(name: str, options: dict[str, Any], found: Found) -> RuleIn | None:
    known = RuleOptions.model_fields
    document: dict[str, Any] = {}
    for key, value in options.items():
        if key not in known:
            found.leave(f"rule {name}: {key}", "there is no such option")
        elif value is not None:
            document[key] = _plain(value) if known[key].annotation is bool else value
    settings = document.get("processing_settings")
    if isinstance(settings, str):
        try:
            document["processing_settings"] = json.loads(settings or "{}")
        except ValueError:
            found.leave(f"rule {name}", "processing_settings: it is no JSON")
            return None
    try:
        return RuleIn.model_validate({**document, "name": name})
    except ValidationError as error:
        found.leave(f"rule {name}", why_not(error))
        return None


def _plain(value: Any) -> Any:
    """Return a truth for the words that older versions of mercure wrote."""
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else value
    return value

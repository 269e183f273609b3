"""Examples of routing rules in the OpenAPI documents."""

from typing import Any

_RULE: dict[str, Any] = {
    "name": "head-t2",
    "rule": "contains(tags.SeriesDescription, 't2') and same(tags.BodyPartExamined, 'head')",
    "target": ["archive"],
    "action": "route",
    "comment": "For the study on headaches",
}
_TAGS = {"Modality": "MR", "SeriesDescription": "T2 TSE", "BodyPartExamined": "HEAD"}
RULE_EXAMPLES: dict[str, dict[str, Any]] = {
    "RuleIn": {**_RULE, "change_comment": "Asked for by the head of the study"},
    "RuleOut": {
        **_RULE,
        "position": 0,
        "version": 1,
        "created_at": "2026-01-02T08:30:00Z",
    },
    "RuleOrder": {"names": ["no-localizers", "head-t2"]},
    "RuleRevert": {"comment": "It fired for phantoms"},
    "RuleTestIn": {"rule": _RULE["rule"], "tags": _TAGS},
    "CompletionTestIn": {
        "expression": "'Axial T2' and ('Sag T1 GRE' or 'Sag T1 TSE')",
        "received": ["Axial T2 FS", "Sag T1 TSE"],
    },
    "RuleSelectIn": {"rules": [_RULE], "tags": _TAGS},
    "RuleDryRunIn": {"rule": _RULE["rule"], "series": 50},
}

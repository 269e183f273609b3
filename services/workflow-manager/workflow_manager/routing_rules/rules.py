"""Which rules fire for a series, and what follows. Pure.

In the order of the rules; disabled ones are passed over; a rule that discards ends it, whatever
fired before; fallback rules wait until nothing else has fired, and then only the last one is
looked at. A forced rule fires alone, though it were disabled. A rule in shadow mode is evaluated,
and nothing follows from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scanhub_libraries.models import (
    RoutingRule,
    RuleAction,
    RuleFinding,
    RuleOptions,
    RuleOutcome,
    RuleSelection,
    SelectedAction,
    TagAccessOut,
)
from workflow_manager.routing_rules.completion import problem_with
from workflow_manager.routing_rules.evaluation import Verdict, evaluate, problem_with_rule
from workflow_manager.routing_rules.limits import MOST_STEPS, Budget

FORCED_RULE = "mercureForceRule"
"""The tag that names the rule to use, set by whoever brings the images in."""
_MOST_STEPS_TOGETHER = 10 * MOST_STEPS
_DISCARDED_BY_DEFAULT = "No rule fired: discarded by default."


def select(rules: Sequence[RoutingRule], tags: Mapping[str, str]) -> RuleSelection:
    """Decide what becomes of a series.

    Args:
        rules: In their order.
        tags: Of the series, by keyword, as text.
    """
    forced = tags.get(FORCED_RULE, "")
    if forced:
        return _forced(rules, forced)
    return _Selecting(rules, tags).run()


def tags_out(verdict: Verdict) -> list[TagAccessOut]:
    """Return what an expression looked at, as it is told."""
    return [TagAccessOut.model_validate(access) for access in verdict.tags_accessed]


def _forced(rules: Sequence[RoutingRule], name: str) -> RuleSelection:
    rule = next((rule for rule in rules if rule.name == name), None)
    shown = name[:64]
    why = f"Rule {shown!r} was forced."
    findings = [
        _fired(other, why) if other is rule else _passed_over(other, why) for other in rules
    ]
    if rule is None:
        why = f"Rule {shown!r} was forced, and there is none: discarded."
        return RuleSelection(discarded=True, reason=why, actions=[], rules=findings)
    return _selection([rule], findings)


class _Selecting:
    """One walk through the rules."""

    def __init__(self, rules: Sequence[RoutingRule], tags: Mapping[str, str]) -> None:
        self._rules, self._tags = rules, tags
        self._left = _MOST_STEPS_TOGETHER
        self._found: dict[str, RuleFinding] = {}
        self._fired: list[RoutingRule] = []

    def run(self) -> RuleSelection:
        """Look at the rules that have to be looked at."""
        fallbacks = []
        discarding: RoutingRule | None = None
        for rule in self._rules:
            if rule.disabled:
                self._note(_passed_over(rule, "It is disabled."))
            elif rule.shadow:
                self._note(_finding(rule, self._evaluate(rule)))
            elif discarding is not None:
                self._note(_passed_over(rule, f"Rule {discarding.name!r} discards."))
            elif rule.fallback:
                fallbacks.append(rule)
            elif self._fires(rule) and rule.action is RuleAction.DISCARD:
                discarding = rule
        self._fall_back(fallbacks)
        return _selection(self._fired, [self._found[rule.name] for rule in self._rules])

    def _fall_back(self, fallbacks: list[RoutingRule]) -> None:
        why = "It is a fallback, and another rule fired."
        if not self._fired and fallbacks:
            last = fallbacks.pop()
            self._fires(last)
            why = f"Of the fallbacks only the last is looked at, rule {last.name!r}."
        for rule in fallbacks:
            self._note(_passed_over(rule, why))

    def _evaluate(self, rule: RoutingRule) -> Verdict:
        given = max(0, min(MOST_STEPS, self._left))
        budget = Budget(given)
        verdict = evaluate(rule.rule, self._tags, budget)
        self._left -= given - max(0, budget.left)
        return verdict

    def _fires(self, rule: RoutingRule) -> bool:
        verdict = self._evaluate(rule)
        self._note(_finding(rule, verdict))
        if verdict.triggered:
            self._fired.append(rule)
        return verdict.triggered

    def _note(self, finding: RuleFinding) -> None:
        self._found[finding.name] = finding


def _finding(rule: RoutingRule, verdict: Verdict) -> RuleFinding:
    outcome, reason = RuleOutcome.DID_NOT_FIRE, "The expression does not hold."
    if verdict.triggered:
        outcome, reason = RuleOutcome.FIRED, "The expression holds."
        if rule.shadow:
            outcome, reason = RuleOutcome.WOULD_FIRE, f"{reason} In shadow mode it does nothing."
    elif verdict.error is not None:
        outcome, reason = RuleOutcome.ERROR, verdict.error
    elif verdict.missing is not None:
        reason = f"It asks for the tag {verdict.missing!r}, which is not kept."
    return RuleFinding(
        name=rule.name, outcome=outcome, reason=reason, tags_accessed=tags_out(verdict)
    )


def _fired(rule: RoutingRule, why: str) -> RuleFinding:
    return RuleFinding(name=rule.name, outcome=RuleOutcome.FIRED, reason=why)


def _passed_over(rule: RoutingRule, why: str) -> RuleFinding:
    return RuleFinding(name=rule.name, outcome=RuleOutcome.NOT_EVALUATED, reason=why)


def _selection(fired: Sequence[RoutingRule], findings: list[RuleFinding]) -> RuleSelection:
    discarding = next((rule for rule in fired if rule.action is RuleAction.DISCARD), None)
    if discarding is not None:
        reason = f"Rule {discarding.name!r} discards."
        discard = SelectedAction(
            action=RuleAction.DISCARD, trigger="series", rules=[discarding.name]
        )
        return RuleSelection(discarded=True, reason=reason, actions=[discard], rules=findings)
    if not fired:
        return RuleSelection(
            discarded=True, reason=_DISCARDED_BY_DEFAULT, actions=[], rules=findings
        )
    names = ", ".join(rule.name for rule in fired)
    return RuleSelection(
        discarded=False, reason=f"Fired: {names}.", actions=list(_actions(fired)), rules=findings
    )


_URGENCY = {"offpeak": 0, "normal": 1, "urgent": 2}


def _actions(fired: Sequence[RoutingRule]) -> Iterator[SelectedAction]:
    """Yield what is done: series routed to one target are sent once, for all rules that ask."""
    pooled: dict[str, SelectedAction] = {}
    for rule in fired:
        if rule.action is RuleAction.ROUTE and rule.action_trigger == "series":
            for target in rule.target:
                found = pooled.get(target)
                if found is None:
                    pooled[target] = _action(rule, [target])
                    continue
                found.rules.append(rule.name)
                found.priority = max(found.priority, rule.priority, key=_URGENCY.__getitem__)
    yield from pooled.values()
    for rule in fired:
        if rule.action is not RuleAction.ROUTE or rule.action_trigger == "study":
            yield _action(rule, rule.target)


def _action(rule: RoutingRule, targets: list[str]) -> SelectedAction:
    sends = rule.action in {RuleAction.ROUTE, RuleAction.BOTH}
    processes = rule.action in {RuleAction.PROCESS, RuleAction.BOTH}
    return SelectedAction(
        action=rule.action,
        trigger=rule.action_trigger,
        rules=[rule.name],
        targets=targets if sends else [],
        processing_modules=rule.processing_module if processes else [],
        priority=rule.priority,
    )


def targets_of(selection: RuleSelection) -> list[str]:
    """Return where a series goes."""
    return [
        target
        for action in selection.actions
        if action.action is RuleAction.ROUTE and action.trigger == "series"
        for target in action.targets
    ]


# --- rules that are stored ------------------------------------------------------------------------


def problems_of(rule: RuleOptions) -> Iterator[tuple[str, str]]:
    """Yield what speaks against storing a rule: the option, and why."""
    yield from _unreadable(rule)
    yield from _incomplete(rule)


def _unreadable(rule: RuleOptions) -> Iterable[tuple[str, str]]:
    error = problem_with_rule(rule.rule)
    if error is not None:
        yield "rule", error
    problem = problem_with(rule.study_trigger_series)
    if problem is not None:
        yield "study_trigger_series", problem


def _incomplete(rule: RuleOptions) -> Iterator[tuple[str, str]]:
    processes = rule.action in {RuleAction.PROCESS, RuleAction.BOTH}
    if rule.action is RuleAction.ROUTE and not rule.target:
        yield "target", "A rule that routes needs a target."
    if rule.action is RuleAction.BOTH and not (rule.target or rule.dynamic_routing):
        yield "target", "A rule that processes and routes needs a target, or dynamic routing."
    if processes and not rule.processing_module:
        yield "processing_module", "A rule that processes needs a module."

"""Routing rules: their options under mercure's names, what they decide, and their history."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.models.fields import JSONObject, ShortText, Text, WireModel, WithoutNul

Expression = Annotated[str, StringConstraints(max_length=4096), WithoutNul]
RuleName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[0-9a-zA-Z_-]+$"),
    Field(description="Letters, digits, _ and -"),
]
_Keyword = Annotated[str, StringConstraints(max_length=64), WithoutNul]
TagValues = Annotated[
    dict[_Keyword, Text],
    Field(max_length=5000, description=r"Tags by keyword; several values with \ between them"),
]


def _as_list(value: Any) -> Any:
    """Take one name where a list of names may stand, as mercure does."""
    if isinstance(value, str):
        return [value] if value else []
    return value


Names = Annotated[
    list[Annotated[ShortText, Field(min_length=1)]],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
    Field(max_length=100, description="One name, or several"),
]


class RuleAction(StrEnum):
    """What a rule does with the series or study for which it fires."""

    ROUTE = "route"
    BOTH = "both"
    PROCESS = "process"
    DISCARD = "discard"
    NOTIFICATION = "notification"


class ReviewOptions(WireModel):
    """What modules made goes nowhere before a person has looked at it."""

    role: Annotated[UserRole, Field(description="Who may decide; administrators may always")] = (
        UserRole.MEDICAL
    )
    deadline_s: Annotated[
        float | None,
        Field(gt=0, le=366 * 86_400, description="How long is waited; null: for ever [s]"),
    ] = None
    at_deadline: Annotated[
        Literal["reject", "approve", "wait"],
        Field(description="What becomes of it then; wait: it is told, and goes on waiting"),
    ] = "reject"


class ReviewGate(ReviewOptions):
    """Between two modules a person decides whether the chain goes on."""

    after: Annotated[
        int,
        Field(
            ge=1,
            le=99,
            description="Behind which module it stands, from 1; behind the last one stands "
            "`processing_review`",
        ),
    ]


class RuleOptions(WireModel):
    """A rule without its name: every option that mercure has, and some of ours for `processing`."""

    rule: Annotated[Expression, Field(description="When it fires; see docs/rules.md")] = "False"
    target: Names = []
    disabled: Annotated[bool, Field(description="It is not looked at")] = False
    shadow: Annotated[
        bool, Field(description="It is looked at and what it says is recorded; it does nothing")
    ] = False
    fallback: Annotated[
        bool, Field(description="Looked at only when no other rule fires; of several the last")
    ] = False
    contact: Text = ""
    comment: Text = ""
    tags: Annotated[Text, Field(description="Labels for people")] = ""
    action: RuleAction = RuleAction.ROUTE
    action_trigger: Literal["series", "study"] = "series"
    study_trigger_condition: Literal["timeout", "received_series"] = "timeout"
    study_trigger_series: Annotated[
        Expression, Field(description="Which series complete a study: 'T1' and ('T2' or 'PD')")
    ] = ""
    study_force_completion_action: Literal["discard", "proceed", "ignore"] = "discard"
    priority: Literal["normal", "urgent", "offpeak"] = "normal"
    processing_module: Names = []
    processing_settings: Annotated[
        JSONObject | list[JSONObject], Field(description="For all modules, or one for each")
    ] = {}
    processing_retain_images: bool = False
    processing_deadline_s: Annotated[
        Annotated[float, Field(gt=0, le=31_536_000)] | None,
        Field(
            description="What modules have not done so long after the case was complete ends as "
            "timed_out, waiting included; a review has its own [s]"
        ),
    ] = None
    processing_review: Annotated[
        ReviewOptions | None,
        Field(description="A person decides whether what the modules made is sent; null: nobody"),
    ] = None
    processing_gates: Annotated[
        list[ReviewGate],
        Field(
            max_length=99,
            description="A person decides behind these modules whether the chain goes on",
        ),
    ] = []
    notification_webhook: Text = ""
    notification_payload: Text = ""
    notification_payload_body: Text = ""
    notification_email: Text = ""
    notification_email_body: Text = ""
    notification_email_type: Literal["plain", "html"] = "plain"
    notification_trigger_reception: bool = True
    notification_trigger_completion: bool = True
    notification_trigger_completion_on_request: bool = False
    notification_trigger_error: bool = True
    dynamic_routing: bool = False
    dynamic_routing_allowed_targets: Names = []
    conditional_alternate_target: ShortText = ""


class RoutingRule(RuleOptions):
    """A rule."""

    name: RuleName


class RuleIn(RoutingRule):
    """A rule to be stored."""

    change_comment: Annotated[Text, Field(description="Why it is made or changed")] = ""


class RuleOut(RoutingRule):
    """A rule as stored."""

    position: Annotated[int, Field(description="Rules are looked at in this order, from 0")]
    version: int
    created_at: datetime
    updated_at: datetime | None = None
    last_fired_at: Annotated[
        datetime | None, Field(description="When it last opened a case; none: never")
    ] = None


class RuleOrder(WireModel):
    """In which order rules are looked at."""

    names: Annotated[list[RuleName], Field(max_length=1000, description="Every rule, once")]


class RuleVersionOut(WireModel):
    """One version of a rule: who made it, when, and why."""

    name: str
    version: int
    change: Literal["created", "updated", "reverted", "deleted"]
    author: str
    comment: str
    created_at: datetime
    document: Annotated[RuleOptions, Field(description="The rule as it was then")]


class RuleRevert(WireModel):
    """Why an older version is taken up again."""

    comment: Text = ""


# --- what rules decide ----------------------------------------------------------------------------


class TagAccessOut(WireModel):
    """A tag that a rule looked at; its value is not repeated."""

    keyword: str
    known: Annotated[bool, Field(description="False: no such tag is kept")]
    has_value: bool


class RuleTestIn(WireModel):
    """An expression, and tags to try it with."""

    rule: Expression
    tags: TagValues = {}


class RulePlace(WireModel):
    """A stretch of an expression."""

    start: Annotated[int, Field(description="Its first letter, from 0")]
    end: Annotated[int, Field(description="The letter behind its last one")]


class RuleTestOut(WireModel):
    """What comes of an expression."""

    triggered: bool
    error: str | None = None
    problem: Annotated[
        str | None, Field(description="Why it cannot be stored, whatever the tags are")
    ] = None
    place: Annotated[
        RulePlace | None, Field(description="Where the problem is, or else the error")
    ] = None
    missing: Annotated[
        str | None, Field(description="The tag for whose absence it did not hold")
    ] = None
    tags_accessed: list[TagAccessOut]


class RuleVocabulary(WireModel):
    """What an expression may name."""

    tags: Annotated[list[str], Field(description="Keywords of the tags that are kept")]
    functions: list[str]


class SeriesTags(WireModel):
    """The tags of a series, or of a file, as rules see them."""

    tags: TagValues


class CompletionTestIn(WireModel):
    """What must have arrived, and what has."""

    expression: Expression
    received: Annotated[
        list[ShortText], Field(max_length=10_000, description="Series Descriptions")
    ] = []


class CompletionTestOut(WireModel):
    """Whether an expression may be used, and whether it holds."""

    valid: bool
    complete: bool
    error: str | None = None


class RuleOutcome(StrEnum):
    """What became of one rule."""

    FIRED = "fired"
    DID_NOT_FIRE = "did_not_fire"
    WOULD_FIRE = "would_fire"
    """It holds, and is in shadow mode."""
    ERROR = "error"
    NOT_EVALUATED = "not_evaluated"


class RuleFinding(WireModel):
    """What became of one rule, and why."""

    name: str
    outcome: RuleOutcome
    reason: str
    tags_accessed: list[TagAccessOut] = []


class SelectedAction(WireModel):
    """What is done because rules fired."""

    action: RuleAction
    trigger: Literal["series", "study"]
    rules: Annotated[list[str], Field(description="Those that ask for it")]
    targets: list[str] = []
    processing_modules: list[str] = []
    priority: Literal["normal", "urgent", "offpeak"] = "normal"


class RuleSelection(WireModel):
    """What rules decide for one series."""

    discarded: Annotated[bool, Field(description="It goes nowhere. Its files stay")]
    reason: str
    actions: list[SelectedAction]
    rules: list[RuleFinding]


class RuleSelectIn(WireModel):
    """Rules in their order, and tags to try them with."""

    rules: Annotated[list[RoutingRule], Field(max_length=1000)]
    tags: TagValues = {}


class RuleDryRunIn(WireModel):
    """A draft, to be tried on the series received last."""

    rule: Expression
    series: Annotated[int, Field(ge=1, le=500, description="On so many")] = 50


class RuleDryRunOut(WireModel):
    """What a draft would have done with one series."""

    series_instance_uid: str
    study_instance_uid: str
    modality: str
    series_description: str = ""
    received_at: datetime
    result: RuleTestOut


class RuleDecisionOut(WireModel):
    """What was decided for a series when it was complete."""

    series_instance_uid: str
    number: Annotated[int, Field(description="From 1; more than one: images came late")]
    discarded: bool
    reason: str
    selection: Annotated[
        RuleSelection | None, Field(description="Null: there was no rule at that time")
    ]
    rule_versions: Annotated[dict[str, int], Field(description="Of each rule, the one in force")]
    targets: list[str]
    dispatch_ids: list[UUID]
    decided_at: datetime

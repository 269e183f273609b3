"""Makes the text of a message from the rule, the case and one of its images."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models.routing_rule import RuleOptions
from workflow_manager.notifications.rules import (
    Channel,
    NotificationEvent,
    patient_variables,
    with_macros,
)
from workflow_manager.notifications.sending import Letter, post_webhook, send_email
from workflow_manager.notifications.templates import render
from workflow_manager.settings import WorkflowManagerSettings

_DEFAULT_MAIL = "Rule {{ rule }}: {{ event }}\nCase {{ task_id }}\n{{ reason }}\n{{ details }}\n"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about."""

    rule: str
    event: NotificationEvent
    task_id: str
    details: str
    reason: str
    tags: Mapping[str, str] | None
    """Of one of its images; None: nothing may be told of the patient."""
    device_serial_number: str = ""


def variables_of(subject: Subject, channel: Channel, *, phi: bool) -> dict[str, Any]:
    """Return what a template may know."""
    patient = patient_variables(subject.tags, channel, allowed=phi)
    return {
        "rule": subject.rule,
        "task_id": subject.task_id,
        "event": subject.event.value,
        "details": subject.details,
        "reason": subject.reason,
        "DeviceSerialNumber": subject.device_serial_number,
        **patient,
        "phi_data": patient,
    }


def macros_of(subject: Subject) -> dict[str, str]:
    """Return mercure's macros."""
    return {"rule": subject.rule, "task_id": subject.task_id, "event": subject.event.value}


async def webhook_body(options: RuleOptions, subject: Subject, *, phi: bool) -> bytes:
    """Return the document that a webhook gets.

    Raises:
        UnprocessableError: The templates of the rule do not make one.
    """
    macros = macros_of(subject)
    texts = await render(
        with_macros(options.notification_payload_body, macros),
        with_macros(options.notification_payload, macros),
        variables_of(subject, Channel.WEBHOOK, phi=phi),
    )
    text = texts.payload.strip()
    whole = text if text.startswith("{") and text.endswith("}") else f"{{{text}}}"
    try:
        document = json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise UnprocessableError(
            f"The payload is no JSON once it is filled in: {error}", field="notification_payload"
        ) from error
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


async def letter_to(
    settings: WorkflowManagerSettings, address: str, options: RuleOptions, subject: Subject
) -> Letter:
    """Return the e-mail to an address.

    Raises:
        UnprocessableError: The template of the rule does not make one.
    """
    template = with_macros(options.notification_email_body, macros_of(subject)) or _DEFAULT_MAIL
    phi = settings.phi_notifications
    kind = options.notification_email_type
    variables = variables_of(subject, Channel.EMAIL, phi=phi)
    texts = await render(template, "", variables, body_kind=kind)
    head = f"{settings.email_subject_prefix} Rule {subject.rule}: {subject.event.value}"
    return Letter(address=address, subject=head.strip(), body=texts.body, kind=kind)


async def compose_and_send(
    settings: WorkflowManagerSettings,
    options: RuleOptions,
    subject: Subject,
    goal: tuple[Channel, str],
    delivery: UUID,
) -> None:
    """Make a message and hand it over.

    Raises:
        UnprocessableError: It cannot be made, or may not go there: the rule must be changed.
        DeliveryError: It did not arrive.
    """
    channel, recipient = goal
    if channel is Channel.WEBHOOK:
        body = await webhook_body(options, subject, phi=settings.phi_notifications)
        await post_webhook(settings, recipient, body, delivery)
    else:
        letter = await letter_to(settings, recipient, options, subject)
        await send_email(settings, letter, delivery)

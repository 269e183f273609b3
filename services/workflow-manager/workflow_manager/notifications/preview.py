"""What the messages of a rule would say; nothing is sent."""

from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import NotificationPreview, NotificationSettings, RoutingRule
from workflow_manager.notifications.composing import Subject, letter_to, webhook_body
from workflow_manager.notifications.rules import NotificationEvent
from workflow_manager.settings import WorkflowManagerSettings

_SAMPLE = {"AccessionNumber": "SAMPLE", "PatientID": "SAMPLE", "PatientName": "SAMPLE"}


def sample(rule: str, event: NotificationEvent, task_id: str) -> Subject:
    """Return what a message about nobody is about."""
    return Subject(
        rule=rule,
        event=event,
        task_id=task_id,
        details="This is a sample.",
        reason="Somebody tries out the notifications of this rule.",
        tags=_SAMPLE,
    )


async def preview(
    settings: WorkflowManagerSettings, rule: RoutingRule, event: NotificationEvent
) -> list[NotificationPreview]:
    """Return the messages of a rule as it is being written, about a sample."""
    subject = sample(rule.name, event, str(new_id()))
    shown = []
    if rule.notification_webhook.strip():
        shown.append(await _webhook(settings, rule, subject))
    if rule.notification_email.strip():
        shown.append(await _mail(settings, rule, subject))
    return shown


async def _webhook(
    settings: WorkflowManagerSettings, rule: RoutingRule, subject: Subject
) -> NotificationPreview:
    text, error = "", None
    try:
        text = (await webhook_body(rule, subject, phi=settings.phi_notifications)).decode()
    except ScanHubError as told:
        error = str(told)
    return NotificationPreview(
        channel="webhook", subject="", text=text, content_type="application/json", error=error
    )


async def _mail(
    settings: WorkflowManagerSettings, rule: RoutingRule, subject: Subject
) -> NotificationPreview:
    kind = f"text/{rule.notification_email_type}"
    try:
        letter = await letter_to(settings, "", rule, subject)
    except ScanHubError as told:
        return NotificationPreview(
            channel="email", subject="", text="", content_type=kind, error=str(told)
        )
    return NotificationPreview(
        channel="email", subject=letter.subject, text=letter.body, content_type=kind
    )


def describe_settings(settings: WorkflowManagerSettings) -> NotificationSettings:
    """Return how messages leave this server; never its secrets."""
    host = settings.smtp_host
    return NotificationSettings(
        mail_server=None if host is None else f"{host}:{settings.smtp_port}",
        mail_security=settings.smtp_security,
        mail_login=settings.smtp_user is not None,
        email_from=settings.email_from,
        phi=settings.phi_notifications,
        webhook_http=settings.webhook_http,
        webhook_local=settings.webhook_local,
        webhook_signed=settings.webhook_secret is not None,
        retry_after_s=list(settings.notification_backoff_s),
    )

"""The messages of a rule can be looked at before anybody gets one."""

from workflow_service import WORKFLOW

PREVIEW = f"{WORKFLOW}/notifications/preview"


async def previewed(service, event="COMPLETED", **options):
    body = {"rule": {"name": "head", **options}, "event": event}
    answer = await service.user.post(PREVIEW, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_preview_shows_each_message_filled_in_and_sends_nothing(service):
    webhook, mail = await previewed(
        service,
        notification_webhook="https://host.invalid/secret-path",
        notification_payload='"text": "{{ body }}"',
        notification_payload_body="@rule@ {{ patient_name }}",
        notification_email="a@example.org, b@example.org",
        notification_email_body="{{ rule }} is {{ event }}",
    )
    assert (webhook["channel"], webhook["text"]) == ("webhook", '{"text": "head UNKNOWN"}')
    assert (mail["channel"], mail["text"]) == ("email", "head is COMPLETED")
    assert mail["subject"].endswith("Rule head: COMPLETED")
    assert await service.get("/notifications") == []


async def test_a_preview_says_what_is_wrong_with_a_template(service):
    (webhook,) = await previewed(
        service, notification_webhook="https://host.invalid", notification_payload='"text": {{'
    )
    assert webhook["text"] == ""
    assert webhook["error"]


async def test_a_rule_that_tells_nobody_has_no_preview(service):
    assert await previewed(service) == []


async def test_the_settings_are_told_without_secrets(serving):
    given = {
        "smtp_host": "mail.example.org",
        "smtp_port": 587,
        "smtp_security": "starttls",
        "smtp_user": "scanhub",
        "smtp_password": "not-to-be-told",
        "webhook_secret": "also-not-to-be-told",
    }
    async with serving(**given) as service:
        answer = await service.user.get(f"{WORKFLOW}/notifications/settings")
    told = answer.json()
    assert told["mail_server"] == "mail.example.org:587"
    assert (told["mail_login"], told["webhook_signed"], told["phi"]) == (True, True, False)
    assert "not-to-be-told" not in answer.text

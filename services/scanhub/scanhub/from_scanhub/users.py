"""Users of ScanHub: with a password for the first login only, since theirs cannot be read."""

import csv
import os
import secrets
from pathlib import Path

from pydantic import ValidationError

from exam_manager.users.models import Account
from exam_manager.users.service import create_user
from scanhub.from_scanhub.source import Document
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import User

_WORDS = 18


async def take_user(sessions: Sessions, document: Document, passwords: Path) -> bool:
    """Create a user who sets a password at the first login; False: there is one of this name.

    Raises:
        ScanHubError: The record cannot be taken as it is.
    """
    username = str(document.get("username") or "")
    async with reading(sessions) as session:
        if await session.get(Account, username) is not None:
            return False
    password = secrets.token_urlsafe(_WORDS)
    try:
        user = User.model_validate(
            {
                **document,
                "access_token": password,
                "token_type": "password",
                "must_change_password": True,
            }
        )
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise UnprocessableError(f"{fields} cannot be taken as it is.") from None
    await create_user(sessions, user, now=utc_now())
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(passwords, flags, 0o600), "a", newline="") as file:
        csv.writer(file).writerow([username, password])
    return True

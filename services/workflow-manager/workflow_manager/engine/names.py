"""The queues of the run engine, by the names that settings and people use."""

from collections.abc import Iterable
from typing import Literal, get_args

QueueName = Literal[
    "recon", "modules", "dispatch", "notifications", "retrieval", "import", "commitment"
]
QUEUE_NAMES: tuple[QueueName, ...] = get_args(QueueName)
Queues = tuple[QueueName, ...] | None
"""Those of which a process does the work; None: all."""
WHAT: dict[QueueName, str] = {
    "recon": "Jobs on raw data, as reconstructions",
    "modules": "Processing modules",
    "dispatch": "Images to targets",
    "notifications": "E-mails and webhooks",
    "retrieval": "Images from other archives",
    "import": "Uploads, folders and data sets",
    "commitment": "Reports of storage commitment",
}


def checked_queues(queues: Queues, urls: Iterable[object]) -> Queues:
    """Return the queues that a process is to serve.

    Args:
        queues: Those.
        urls: Among them, those of the databases.

    Raises:
        ValueError: A database is a file, which one process has.
    """
    if queues is not None and any(str(url).startswith("sqlite") for url in urls):
        raise ValueError(
            "with SQLite one process does all the work: others can share it where the databases of "
            "workflow-manager and of the run engine are PostgreSQL"
        )
    return queues

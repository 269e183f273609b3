"""The queues of the run engine, by the names that settings and people use."""

from typing import Literal, get_args

QueueName = Literal[
    "recon", "modules", "dispatch", "notifications", "retrieval", "import", "commitment"
]
QUEUE_NAMES: tuple[QueueName, ...] = get_args(QueueName)
WHAT: dict[QueueName, str] = {
    "recon": "Jobs on raw data, as reconstructions",
    "modules": "Processing modules",
    "dispatch": "Images to targets",
    "notifications": "E-mails and webhooks",
    "retrieval": "Images from other archives",
    "import": "Uploads, folders and data sets",
    "commitment": "Reports of storage commitment",
}

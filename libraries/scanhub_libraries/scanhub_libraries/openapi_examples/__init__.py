"""An example of every body, and of the records that come back, by the name of its schema."""

from typing import Any

from scanhub_libraries.openapi_examples.annotations import ANNOTATION_EXAMPLES
from scanhub_libraries.openapi_examples.devices import DEVICE_EXAMPLES
from scanhub_libraries.openapi_examples.events import EVENT_EXAMPLES
from scanhub_libraries.openapi_examples.exams import EXAM_EXAMPLES
from scanhub_libraries.openapi_examples.job_sessions import JOB_SESSION_EXAMPLES
from scanhub_libraries.openapi_examples.reports import REPORT_EXAMPLES
from scanhub_libraries.openapi_examples.retrievals import RETRIEVAL_EXAMPLES
from scanhub_libraries.openapi_examples.rules import RULE_EXAMPLES
from scanhub_libraries.openapi_examples.targets import TARGET_EXAMPLES

EXAMPLES: dict[str, dict[str, Any]] = {
    **ANNOTATION_EXAMPLES,
    **EXAM_EXAMPLES,
    **DEVICE_EXAMPLES,
    **EVENT_EXAMPLES,
    **TARGET_EXAMPLES,
    **RETRIEVAL_EXAMPLES,
    **RULE_EXAMPLES,
    **REPORT_EXAMPLES,
    **JOB_SESSION_EXAMPLES,
}

"""Examples of what is fetched and imported, in the OpenAPI documents."""

from typing import Any

RETRIEVAL_EXAMPLES: dict[str, dict[str, Any]] = {
    "RetrievalIn": {
        "source": "archive",
        "accession_numbers": ["E1001", "E1002"],
        "filter": {"modalities": ["MR"], "series_descriptions": ["t2*"]},
        "offpeak": True,
    },
    "FolderImportIn": {"folder": ["2026", "phantoms"], "forced_rule": ""},
    "DatasetReplayIn": {"forced_rule": "head-t2"},
    "RetrievalQuery": {"source": "archive", "accession_text": "accession\nE1001\nE1002\n"},
}

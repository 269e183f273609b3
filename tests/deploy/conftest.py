"""The whole of docker-compose.yml in containers of this machine: `make test-deploy`."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # deployment

WANTED = os.environ.get("SCANHUB_TEST_DEPLOY") == "1"
collect_ignore_glob = [] if WANTED else ["test_*.py"]

if WANTED:
    from deployment import Deployment, prepared

    @pytest.fixture(scope="session")
    def deployment(tmp_path_factory: pytest.TempPathFactory) -> "Deployment":
        """An installation that runs, with its images built from this working tree."""
        made = Deployment(prepared(), tmp_path_factory.mktemp("deploy"))
        with made.running():
            yield made

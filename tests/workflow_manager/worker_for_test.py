"""The command line, with another job in the place of the reconstruction."""

import os
from dataclasses import replace

from scanhub.cli import app
from workflow_manager.jobs.built_in import BUILT_IN

if __name__ == "__main__":
    for name in ("reconstruction", "cartesian_reconstruction"):
        gpus = int(os.environ.get("TEST_JOB_GPUS", "0"))
        BUILT_IN[name] = replace(BUILT_IN[name], module=os.environ["TEST_JOB"], gpus=gpus)
    app()

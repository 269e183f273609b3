"""`python -m scanhub_device` is `scanhub-device`."""

import sys

from scanhub_device.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`scanhub demo`: one real scan from login to archive, with a simulated scanner."""

from scanhub.demo.run import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]

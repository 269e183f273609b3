"""`scanhub`, and `python -m scanhub`."""

import gc


def main() -> None:
    """Run the command that is asked for."""
    gc.disable()  # loading takes a tenth longer with it, and leaves no garbage
    from scanhub.cli import app

    gc.enable()
    app()


if __name__ == "__main__":
    main()

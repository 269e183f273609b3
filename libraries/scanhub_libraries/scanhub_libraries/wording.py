"""Numbers in sentences."""


def counted(count: int, one: str, more: str = "") -> str:
    """Return how many there are of something, such as `1 image` and `2 images`.

    Args:
        count: How many.
        one: What one of them is called.
        more: What several are called; by default with an s.
    """
    return f"{count} {one if count == 1 else more or one + 's'}"

"""Names of devices. Pure."""

from scanhub_libraries.errors import BadRequestError


def check_naming(name: str, description: str) -> tuple[str, str]:
    """Return name and description without blanks around them.

    Raises:
        BadRequestError: One of them is empty.
    """
    name, description = name.strip(), description.strip()
    for field, value in (("name", name), ("description", description)):
        if not value:
            raise BadRequestError(f"The {field} of a device must not be empty.", field=field)
    return name, description

"""The link to the next page of a list (RFC 8288)."""

from urllib.parse import urlencode

from fastapi import Request, Response


def link_next(request: Request, response: Response, last: str) -> None:
    """Tell where the list goes on.

    Args:
        request: Where the list was asked for.
        response: Gets the header.
        last: What `after` takes: the last one of this page.
    """
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "after"]
    following = urlencode([*kept, ("after", last)])
    response.headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'

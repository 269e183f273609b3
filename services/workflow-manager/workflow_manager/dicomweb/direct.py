"""Routes whose functions take the request and UIDs: nothing is resolved for them.

To resolve three parameters takes the framework as long as all that is around them. What does not
look like a UID goes the framework's way, which says what is wrong with it.
"""

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from scanhub_libraries.web import authorize

_PLAIN = re.compile(r"[0-9.,]{1,64}", re.ASCII)
"""UIDs (PS3.5 section 9.1), and numbers of frames: what every path parameter here may hold."""
_REQUEST = "request"


class DirectRoute(APIRoute):
    """A route that hands requests to its function, once it is known who asks.

    Raises:
        TypeError: The function takes something that would have to be resolved.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        by_the_framework = super().get_route_handler()
        function, names = self.endpoint, set(self.param_convertors)
        if set(inspect.signature(function).parameters) != {_REQUEST, *names}:
            raise TypeError(f"{function.__name__} takes more than the request and its path.")

        async def handle(request: Request) -> Response:
            given = request.path_params
            if not all(map(_PLAIN.fullmatch, given.values())):
                return await by_the_framework(request)
            await authorize(request)
            response: Response = await function(request, **given)
            return response

        return handle

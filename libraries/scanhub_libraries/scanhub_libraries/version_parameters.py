"""Parameters of the routes that tell the history of something: the same wherever there is one."""

from typing import Annotated

from fastapi import Query

LARGEST_VERSION = 2**31 - 1
VersionLimit = Annotated[int, Query(ge=1, le=500)]
AfterVersion = Annotated[
    int | None, Query(ge=1, le=LARGEST_VERSION, description="Go on after this version")
]
EarlierVersion = Annotated[int, Query(ge=1, le=LARGEST_VERSION, description="The earlier version")]
LaterVersion = Annotated[int, Query(ge=1, le=LARGEST_VERSION, description="The later version")]

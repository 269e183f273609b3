"""Stores a large file in a bucket, until it is killed: ENDPOINT BUCKET FOLDER."""

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.lake_bucket import open_lake

LARGE = 17 << 20


async def main() -> None:
    endpoint, name, folder = sys.argv[1:]
    secret = SecretStr("secret")
    options = BucketOptions(
        name=name, prefix="hospital", endpoint=endpoint, access_key_id="id",
        secret_access_key=secret,
    )  # fmt: skip
    await open_lake(Path(folder), options).put("lake/w/t/r/raw.mrd", bytes(LARGE))


if __name__ == "__main__":
    asyncio.run(main())

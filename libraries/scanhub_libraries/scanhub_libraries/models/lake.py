"""What the sweep of the data lake found."""

from pydantic import AwareDatetime, Field

from scanhub_libraries.models.fields import WireModel


class LakeOrphan(WireModel):
    """Files that nothing refers to, and that stay because nobody is known to have deleted them."""

    folder: str = Field(description="Where they lie, below the lake's root")
    files: int = Field(description="How many")
    size_bytes: int = Field(description="All together [byte]")


class LakeSweepOut(WireModel):
    """What the last sweep of this process found and did."""

    began_at: AwareDatetime | None = Field(default=None, description="None: not yet")
    ended_at: AwareDatetime | None = Field(default=None, description="None: it goes on")
    removed_files: int = Field(default=0, description="Left by a crash, and removed")
    removed_bytes: int = Field(default=0, description="Their size [byte]")
    awaited: int = Field(
        default=0, description="Result folders without a result, of tasks that are being worked on"
    )
    orphans: int = Field(default=0, description="Folders and sequences that nothing refers to")
    orphan_bytes: int = Field(default=0, description="Their size [byte]")
    orphan_folders: list[LakeOrphan] = Field(default=[], description="The first hundred of them")
    unknown_names: int = Field(default=0, description="Names that the platform did not write")

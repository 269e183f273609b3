"""MRI sequences (Pulseq files)."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel
from scanhub_libraries.models.sequence_facts import SequenceFacts


class BaseMRISequence(WireModel):
    """What a person says about a sequence."""

    name: Name
    description: Text = ""
    sequence_type: ShortText = ""
    tags: Annotated[list[ShortText], Field(max_length=100)] = []


class MRISequenceOut(BaseMRISequence):
    """A sequence as stored; `seq_file` is the text of the file."""

    model_config = ConfigDict(populate_by_name=True)

    id: Annotated[str, Field(alias="_id")]
    created_at: datetime
    updated_at: datetime | None = None
    version: Annotated[int, Field(description="Counts the edits; the ETag has it")] = 1
    lineage_id: Annotated[str, Field(description="What all versions of a sequence share")] = ""
    lineage_version: Annotated[int, Field(description="Which version of its lineage it is")] = 1
    seq_file: str = ""
    seq_file_extension: str = ".seq"
    xml_file: str | None = None
    xml_file_extension: str | None = None
    sha256: str = ""
    size_bytes: Annotated[int, Field(description="Size of the file [byte]")] = 0
    facts: SequenceFacts | None = None


class MRISequenceCreated(MRISequenceOut):
    """A sequence that was just uploaded."""

    same_content_as: Annotated[
        list[str], Field(description="Sequences stored earlier with the same file, newest first")
    ] = []

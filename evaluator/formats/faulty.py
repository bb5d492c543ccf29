"""The fault of a file of which some interviews can be read: it carries those, for who wants them without the others."""

from collections.abc import Sequence

from evaluator.errors import TranscriptFault
from evaluator.formats.record import Record


class FaultyRows(TranscriptFault):
    """Raised when some interviews of a file cannot be read; as a message it says what is wrong with the first few."""

    def __init__(self, message: str, *, records: Sequence[Record], faults: Sequence[str]) -> None:
        super().__init__(message)
        self.records = tuple(records)  # the sound ones
        self.faults = tuple(faults)  # one line for each of the others, without the file's name

"""What `debrief import` reads from outside: export files, and the words about consent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic import ValidationError

from evaluator.commands.output import say
from evaluator.errors import TranscriptFault, UsageFault
from evaluator.formats import AUTO, FILE_BYTES_MAX, FORMATS, Record, detect, read
from evaluator.formats.document import shown
from evaluator.formats.faulty import FaultyRows
from evaluator.manifest import Consent
from evaluator.transcript import first_fault

FAULTS_SHOWN_MAX = 20
LATER_MAX = timedelta(days=1)  # clocks and time zones differ; a date beyond that is a slip

ConsentStatus = Literal["granted", "refused", "withdrawn", "unknown"]
FORMAT_IDS = (AUTO, *(one.id for one in FORMATS))
FORMATS_HELP = f"{AUTO} tells by what is in the file, and says what it saw; else one of: {', '.join(FORMAT_IDS[1:])}"
PATHS_HELP = "export files, one interview each, or a CSV with one a row. Read are: " + "; ".join(
    one.title for one in FORMATS
)

_T = TypeVar("_T", bound=str)


@dataclass(kw_only=True, slots=True)
class Reading:
    """The interviews of all files, and what could not be read."""

    records: list[Record] = field(default_factory=list)
    sound: int = 0  # interviews that can be read, also those of files that count for nothing
    faults: list[str] = field(default_factory=list)  # a line each, which names the file


def one_of(option: str, value: str, known: tuple[_T, ...]) -> _T:
    """The value, when it is known; UsageFault names those that are."""
    for one in known:
        if one == value:
            return one
    raise UsageFault(f"{option} {shown(value)}: it is one of {', '.join(known)}")


def read_files(paths: Sequence[Path], file_format: str, candidate_speaker: str | None, *, rows: bool) -> Reading:
    """Every interview of every file, with all that is faulty; rows: the sound rows of a faulty file count."""
    one_of("--format", file_format, FORMAT_IDS)
    found = Reading()
    for path in paths:
        try:
            data = bytes_of(path)
            if file_format == AUTO:
                seen = detect(data, path.name)
                say(f"{path.name}: {seen.format_id}, {seen.why}")
            records = read(data, path.name, format=file_format, candidate_speaker=candidate_speaker)
            found.records += records
            found.sound += len(records)
        except FaultyRows as fault:
            found.records += fault.records if rows else ()
            found.sound += len(fault.records)
            found.faults += [f"{shown(path.name)}: {line}" for line in fault.faults] if rows else [str(fault)]
        except TranscriptFault as fault:
            found.faults.append(str(fault))
    return found


def bytes_of(path: Path) -> bytes:
    """The file's content; TranscriptFault when it cannot be read or is too large."""
    try:
        if path.is_file() and path.stat().st_size > FILE_BYTES_MAX:
            raise TranscriptFault(f"{path}: is larger than {FILE_BYTES_MAX} bytes; split it")
        return path.read_bytes()
    except OSError as error:
        raise TranscriptFault(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:  # a NUL in the name
        raise TranscriptFault(f"{str(path)!r}: is no file name") from None


def fault_lines(faults: Sequence[str]) -> list[str]:
    """The first faults, and how many more there are."""
    more = len(faults) - FAULTS_SHOWN_MAX
    return [*faults[:FAULTS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]


def interviews(count: int) -> str:
    """The count with its noun."""
    return f"{count} interview" if count == 1 else f"{count} interviews"


def consent_of(status: str, at: str | None, *, now: datetime) -> Consent:
    """The consent that holds for all interviews of this import; UsageFault for a word or date that cannot be."""
    known = one_of("--consent", status, get_args(ConsentStatus))
    if at is None:
        return Consent(status=known)
    if known == "unknown":
        raise UsageFault("--consent-at says when consent was given, refused or withdrawn; say which with --consent")
    moment = _moment(at)
    if moment > now + LATER_MAX:
        raise UsageFault(f"--consent-at {shown(at)}: lies in the future")
    try:
        return Consent(status=known, at=moment)
    except ValidationError as error:
        raise UsageFault(f"--consent-at {shown(at)}: {first_fault(error)}") from None


def _moment(text: str) -> datetime:
    """An ISO 8601 moment with its zone; a date alone is its beginning in UTC."""
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        aware = moment.tzinfo is not None and moment.astimezone(UTC) is not None
    except (ValueError, OverflowError):
        aware = False
    if not aware:
        raise UsageFault(
            f"--consent-at {shown(text)}: is no ISO date, or has a time without a zone; "
            "write 2026-11-18 or 2026-11-18T14:02:00Z"
        )
    return moment

"""Every failure that the product knows by name.

DebriefError                      exit code 1 unless a subclass says otherwise
├── UsageFault                    2   the command, a setting, a rubric or an input file is wrong
│   ├── RubricFault                   one or more faults in a rubric file, with line and column
│   ├── TranscriptFault               a transcript cannot be read, or has no candidate
│   ├── ManifestFault                 an interview's manifest cannot be trusted
│   ├── NotFound                      no row, rubric, run or object of that name
│   ├── Conflict                      the same name already stands for something else
│   ├── Forbidden                     this person may not do that
│   │   └── Locked                        not before they have submitted their own scores
│   └── Stale                         somebody else was faster; look again, then decide
├── Unavailable                   4   a dependency is missing or misbehaves; nothing is lost, retry later
│   ├── DatabaseUnavailable
│   │   └── OtherSchema                   it is at another migration than this version
│   ├── BrokerUnavailable
│   ├── StoreUnavailable
│   ├── StoreForbidden                the store answers 403: a permission is missing
│   ├── EngineUnavailable             refused, timed out, 5xx, wrong key
│   │   └── EngineBusy                    too many requests, not paid: never an interview's fault
│   └── EmbeddedFailed                a service of the embedded default did not start
├── ContentError                      this interview cannot be judged as it stands; retries are counted
│   ├── EngineRejected                the engine refuses this request (400, 413, 422)
│   ├── AnswerInvalid                 the judge's answer is cut, not JSON, out of schema or empty
│   ├── ObjectMissing                 an object that a row points to is gone
│   ├── DigestMismatch                an object is not what its row or key says
│   └── CheckpointCorrupt             a checkpoint cannot be read or answers another request
├── ObjectExists                      a create-only write found an object; read it and use the winner
├── LeaseLost                         another worker owns the row now; stop and write nothing
└── Drained                           this worker stops before its next model call; the row is released
"""

from rubrics.faults import Fault


class DebriefError(Exception):
    """Raised when the product fails in a way it knows; the message names the thing and the way out."""

    exit_code = 1
    code = "error"  # short, stable, for rows and JSON


class UsageFault(DebriefError):
    """Raised when what a person gave (command, setting, file) is wrong; trying again changes nothing."""

    exit_code = 2
    code = "usage"


class RubricFault(UsageFault):
    """Raised when rubric files have faults; names all of them, one a line."""

    code = "rubric"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class TranscriptFault(UsageFault):
    """Raised when a transcript cannot be read or used."""

    code = "transcript"


class ManifestFault(UsageFault):
    """Raised when a manifest does not parse or contradicts its objects."""

    code = "manifest"


class NotFound(UsageFault):
    """Raised when nothing has the name that was asked for."""

    code = "not_found"


class Conflict(UsageFault):
    """Raised when a name already stands for something else, such as a rubric version with another digest."""

    code = "conflict"


class Forbidden(UsageFault):
    """Raised when somebody asks for what they have no right to."""

    code = "forbidden"


class Locked(Forbidden):
    """Raised when somebody asks for what opens after they have submitted their own scores."""

    code = "locked"


class Stale(UsageFault):
    """Raised when a change rests on what is no longer the newest: somebody else was faster, nothing was written."""

    code = "stale"

    def __init__(self, message: str, *, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number  # of what stands there now, where known


class Unavailable(DebriefError):
    """Raised when a dependency cannot serve now; nothing is lost and a retry is safe."""

    exit_code = 4
    code = "unavailable"


class DatabaseUnavailable(Unavailable):
    """Raised when PostgreSQL is unreachable, or not at the migration head."""

    code = "database"


class OtherSchema(DatabaseUnavailable):
    """Raised when PostgreSQL's migrations are newer or older than this version's; names both, and the way out."""

    code = "schema"


class BrokerUnavailable(Unavailable):
    """Raised when Redis/Valkey is unreachable or refuses."""

    code = "broker"


class StoreUnavailable(Unavailable):
    """Raised when the object store is unreachable, slow beyond its limit, or answers 5xx."""

    code = "store"


class StoreForbidden(Unavailable):
    """Raised when the object store answers 403; names the permission that is missing."""

    code = "store_forbidden"


class EngineUnavailable(Unavailable):
    """Raised when the judge's engine is unreachable, times out, answers 5xx or serves another model."""

    code = "engine"


class EngineBusy(EngineUnavailable):
    """Raised when the engine asks for patience (429, 402, 408, 409, 425): no interview is to blame for it."""

    code = "engine_busy"


class EmbeddedFailed(Unavailable):
    """Raised when a service of the embedded default did not start; names its log file."""

    code = "embedded"


class ContentError(DebriefError):
    """Raised when one interview cannot be judged as it stands; attempts are counted."""

    code = "content"


class EngineRejected(ContentError):
    """Raised when the engine refuses one request as it stands; a wrong key or a rate limit is EngineUnavailable."""

    code = "engine_rejected"


class AnswerInvalid(ContentError):
    """Raised when the judge's answer does not count: cut, not JSON, out of schema, empty."""

    def __init__(self, section_id: str, reason: str) -> None:
        super().__init__(f"section {section_id}: the judge's answer does not count ({reason})")
        self.code = reason


class ObjectMissing(ContentError):
    """Raised when an object that should be there is not."""

    code = "object_missing"


class DigestMismatch(ContentError):
    """Raised when an object's sha256 is not what its row or manifest says."""

    code = "digest_mismatch"


class CheckpointCorrupt(ContentError):
    """Raised when a checkpoint cannot be read, or was made for another request."""

    code = "checkpoint_corrupt"


class ObjectExists(DebriefError):
    """Raised when a create-only write finds an object under the key."""

    code = "object_exists"


class LeaseLost(DebriefError):
    """Raised when a write of this worker matched no row: another one owns it, or it was cancelled."""

    code = "lease_lost"


class Drained(DebriefError):
    """Raised when the worker was told to stop and a section still needs a model call; the row is released."""

    code = "drained"

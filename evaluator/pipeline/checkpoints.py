"""Checkpoints: what an evaluation has kept in the object store, each object written once and proven when read."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from evaluator.errors import CheckpointCorrupt, ContentError, ObjectExists
from evaluator.judging import Checkpoint, Completion, WindowPlan
from evaluator.layout import checkpoints_prefix
from evaluator.ports import ObjectStore, walk
from evaluator.transcript import first_fault
from evaluator.values import canonical
from evaluator.verdict import invalid_reason
from rubrics.model import Section

CHECKPOINT_BYTES_MAX = 4 * 1024 * 1024

Kept = TypeVar("Kept", Checkpoint, WindowPlan)


def read(store: ObjectStore, key: str, kind: type[Kept]) -> Kept | None:
    """What is kept under the key; None when there is nothing. CheckpointCorrupt when it is no such thing."""
    try:
        data = store.get(key, bytes_max=CHECKPOINT_BYTES_MAX)
    except ContentError as error:  # too large to be one
        raise CheckpointCorrupt(f"checkpoint {key} cannot be read: {error}") from None
    if data is None:
        return None
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise CheckpointCorrupt(f"checkpoint {key} {_unreadable(data, error, kind)}") from None


def keep(store: ObjectStore, key: str, value: Kept) -> Kept:
    """Writes the value; whoever came first wins, and the winner's is what comes back."""
    try:
        store.create(key, canonical(value.model_dump(mode="json")))
    except ObjectExists:
        winner = read(store, key, type(value))
        if winner is None:
            raise CheckpointCorrupt(f"checkpoint {key} was taken and is gone again") from None
        return winner
    return value


def proven(checkpoint: Checkpoint, key: str, section: Section) -> Completion:
    """The completion of a checkpoint, if it counts; CheckpointCorrupt otherwise."""
    if reason := invalid_reason(checkpoint.completion, section):
        raise CheckpointCorrupt(f"checkpoint {key} holds an answer that does not count ({reason})")
    return checkpoint.completion


def discard_checkpoints(store: ObjectStore, interview_id: str, evaluation_key: str) -> int:
    """Removes all checkpoints of one evaluation, so that each section is judged again; how many.

    Only while the caller holds the row: a worker in between would read what is about to go.
    """
    keys = list(walk(store, checkpoints_prefix(interview_id, evaluation_key)))
    for key in keys:
        store.delete(key)
    return len(keys)


class _Versioned(BaseModel):
    """What a checkpoint of any schema says first."""

    schema_version: int


def _unreadable(data: bytes, fault: ValidationError, kind: type[BaseModel]) -> str:
    """Why the bytes are no checkpoint of ours: those of a newer version are nobody's fault."""
    ours = kind.model_fields["schema_version"].default
    try:
        theirs = _Versioned.model_validate_json(data).schema_version
    except ValidationError:
        theirs = ours
    if theirs > ours:
        return f"was written by a newer version (schema {theirs}, this one reads {ours}); upgrade this worker"
    return f"does not parse: {first_fault(fault)}"

"""Where the transcript of an interview lies in the object store."""

from sqlalchemy import Connection, select

from evaluator.errors import NotFound
from evaluator.storage.tables import interview
from evaluator.values import Frozen, Sha256


class StoredTranscript(Frozen):
    """The key of a transcript, and the digest that its bytes must have."""

    key: str
    sha256: Sha256


def transcript_of(db: Connection, interview_id: str) -> StoredTranscript:
    """The newest transcript that was taken in for this interview; NotFound when the interview is not known."""
    query = select(interview.c.transcript_key, interview.c.transcript_sha256).where(interview.c.id == interview_id)
    row = db.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"interview {interview_id} is not known here; see: debrief intake --rescan")
    return StoredTranscript(key=row.transcript_key, sha256=row.transcript_sha256)

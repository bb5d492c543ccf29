"""What an interview's models and voices did and cost; kept beside the interview, without a word that was said."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from evaluator.errors import ContentError
from evaluator.layout import account_key, accounts_prefix
from evaluator.ports import ObjectStore, walk
from evaluator.values import Frozen, Id, Moment, canonical
from live_agent.routing import Share
from live_agent.speech.cache import Account


class Played(Frozen):
    """What was spoken in an interview, in which way."""

    played: int = 0  # phrases, from the cache
    spoken: int = 0  # pieces, by the session's voice
    failed: int = 0  # of those, phrases that could not be played
    characters_spoken: int = 0


class InterviewAccount(Frozen):
    """One session's account."""

    schema_version: Literal[1] = 1
    interview_id: Id
    ended_at: Moment
    ended: Annotated[str, Field(max_length=32)]  # how; "cut off" for one that came to no end
    provider: Annotated[str, Field(max_length=64)]  # who heard and spoke; "text" in a terminal
    models: tuple[Share, ...] = ()  # by type of task
    phrases: Account | None = None  # None: nothing is played that was spoken beforehand
    played: Played | None = None

    @property
    def line(self) -> str:
        """For the log."""
        asked = sum(share.usage.requests for share in self.models)
        tokens = sum(share.usage.tokens for share in self.models)
        parts = [f"interview {self.interview_id}: {self.ended}", f"{asked} requests to models, {tokens} tokens"]
        if self.played is not None and self.phrases is not None:
            share = self.phrases.hit_share
            hits = "-" if share is None else f"{share:.0%}"
            parts.append(
                f"{self.played.played} phrases played ({hits} from the store), {self.played.spoken} pieces spoken, "
                f"{self.played.failed} of them for want of a phrase"
            )
        return "; ".join(parts)


def keep_account(store: ObjectStore, account: InterviewAccount) -> None:
    """Writes it; raises what the store raises."""
    store.create(account_key(account.interview_id, account.ended_at), canonical(account.model_dump(mode="json")))


def accounts_of(store: ObjectStore, interview_id: str) -> Sequence[InterviewAccount]:
    """Those that were kept, the oldest first; ContentError for one that cannot be read."""
    found = []
    for key in walk(store, accounts_prefix(interview_id)):
        try:
            found.append(InterviewAccount.model_validate_json(store.get(key) or b""))
        except ValidationError:
            raise ContentError(f"{key} is no account of an interview") from None
    return found

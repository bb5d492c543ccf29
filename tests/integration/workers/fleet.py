"""Interviews in the store, runs over them, and what became of them."""

import time
from collections.abc import Callable

from evaluator.scorecard import Scorecard
from evaluator.storage.runs import Selection, start_run
from evaluator.transcript import Transcript
from evaluator.wiring import Services
from tests.factories import a_transcript
from tests.integration.storage.builders import a_manifest, rows, stock


def the_transcript(number: int) -> Transcript:
    """Three sections in which each candidate says something of their own."""
    return a_transcript(
        {
            "design": f"We split the queue by tenant {number} first. Then we measured the lag of every shard.",
            "debugging": f"I bisected the {number} releases until one commit was left over.",
            "teamwork": "I asked her what she needed from us. We agreed to pair on Mondays after that.",
        }
    )


def hand_in(services: Services, interviews: int) -> None:
    """iv-1 ... iv-n are known, with their transcripts in the store."""
    for n in range(1, interviews + 1):
        transcript = the_transcript(n)
        manifest = a_manifest(f"iv-{n}", transcript=transcript)
        services.store.create(manifest.transcript.key, transcript.to_bytes())
        stock(services.database, manifest)


def start(services: Services, name: str = "run-1", **selection: object) -> None:
    """A run over what the selection finds, with the settings' judge."""
    with services.database.begin() as db:
        start_run(db, name=name, selection=Selection(**selection), judge=services.judge)


def states(services: Services) -> dict[str, int]:
    """How many evaluations are in each state."""
    found = rows(services.database, "SELECT state, count(*) AS n FROM evaluation GROUP BY 1")
    return {row["state"]: row["n"] for row in found}


def bodies(services: Services) -> dict[str, str]:
    """The digest of each interview's scorecard, which must be its body's own."""
    found = rows(services.database, "SELECT interview_id, body, body_sha256 FROM scorecard")
    for row in found:
        assert Scorecard.model_validate(row["body"]).digest == row["body_sha256"]
    return {row["interview_id"]: row["body_sha256"] for row in found}


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

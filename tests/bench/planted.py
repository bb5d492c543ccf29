"""The input: simulated interviews in the store's inbox, as the live agent leaves them there."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.judging import JudgeRequest, Sampling, Work
from evaluator.layout import manifest_key, transcript_key
from evaluator.manifest import MANIFEST_BYTES_MAX, Candidate, Manifest, TranscriptRef, parse_manifest
from evaluator.pipeline import plan
from evaluator.ports import ObjectStore
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, parse_transcript
from live_agent.simulate import hand_over, simulate_one_of
from rubrics.library import library
from rubrics.model import Rubric
from tests.fakes import MemoryStore

RUBRIC = "backend-eng"
SEED = 8


@dataclass(frozen=True, kw_only=True)
class Said:
    """One simulated interview as bytes, to be handed over under any id."""

    manifest: Manifest
    transcript: bytes


def rubric() -> Rubric:
    """What all benches score by."""
    return library(()).find(RUBRIC)


def sections() -> int:
    """How many model calls a whole interview takes."""
    return len(rubric().sections)


def simulated(count: int, *, seed: int = SEED) -> list[Said]:
    """So many different interviews, each of which has something to judge in every section."""
    found: list[Said] = []
    number = 0
    while len(found) < count:
        number += 1
        said = _said(number, total=2 * count, seed=seed)
        if len(requests([said], model="any@1", sampling=Sampling())) == sections():
            found.append(said)
    return found


def _said(number: int, *, total: int, seed: int) -> Said:
    store, by = MemoryStore(), rubric()
    # Some candidates come late and miss a section; there are more than twice as many who do not.
    interview = simulate_one_of(by, number=number, count=max(total, number), seed=seed, prefix="bench")
    hand_over(store, by, interview, candidate_ref="C-1", requisition="BENCH")
    manifest = parse_manifest(store.get(manifest_key(interview.interview_id), bytes_max=MANIFEST_BYTES_MAX) or b"")
    return Said(manifest=manifest, transcript=store.get(manifest.transcript.key, bytes_max=TRANSCRIPT_BYTES_MAX) or b"")


def requests(said: Sequence[Said], *, model: str, sampling: Sampling) -> list[JudgeRequest]:
    """The very calls that the product makes for these interviews, section by section."""
    by = rubric()
    asked: list[JudgeRequest] = []
    for one in said:
        work = Work(
            interview_id=one.manifest.interview_id,
            evaluation_key="0" * 64,
            transcript_key=one.manifest.transcript.key,
            transcript_sha256=one.manifest.transcript.sha256,
            rubric=by,
            model=model,
            sampling=sampling,
        )
        asked += [request for _, request in plan(work, parse_transcript(one.transcript))]
    return asked


def plant(store: ObjectStore, said: Sequence[Said], *, count: int, requisition: str) -> None:
    """Hands over `count` interviews of a requisition, going round these where there are fewer."""
    for number in range(1, count + 1):
        one = said[(number - 1) % len(said)]
        interview_id = f"{requisition}-{number:05d}".lower()
        key = transcript_key(interview_id, one.manifest.transcript.sha256)
        manifest = one.manifest.model_copy(
            update={
                "interview_id": interview_id,
                "candidate": Candidate(ref=f"C-{number:05d}"),
                "requisition": requisition,
                "transcript": TranscriptRef(key=key, sha256=one.manifest.transcript.sha256),
            }
        )
        store.create(key, one.transcript)
        store.create(manifest_key(interview_id), manifest.to_bytes())

"""What was said in an interview, and how it stands with its recording, by the API."""

from dataclasses import dataclass
from typing import Literal

from fastapi import FastAPI, Request, Response
from pydantic import Field

from evaluator.errors import StoreUnavailable
from evaluator.storage.reading import find_spoken
from evaluator.transcript import Transcript, Turn, utterances_of
from evaluator.values import Frozen, Moment
from evaluator.web.api.conventions import answer
from evaluator.web.api.publishing import Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.recording import State
from evaluator.web.rights import AsVisit, InRequisition, of_interview

_ID, _SECOND = "iv-0412", 723.4


class SpokenUtterance(Frozen):
    """About a sentence of the candidate's: what evidence cites."""

    id: str = Field(examples=["U31"])
    text: str = Field(examples=["We moved to three read replicas."])
    started_s: float | None = Field(
        description="Seconds from the recording's start; null: unknown.", examples=[_SECOND]
    )
    ended_s: float | None = Field(examples=[728.0])
    time_estimated: bool = Field(description="Interpolated within its turn, not measured.")


class SpokenTurn(Frozen):
    """What one speaker said without a break."""

    id: str = Field(examples=["t-17"])
    speaker: Literal["candidate", "interviewer", "other"]
    section_id: str | None = Field(description="Of the rubric; null outside its sections.", examples=["design"])
    started_s: float | None = Field(examples=[_SECOND])
    ended_s: float | None = Field(examples=[741.0])
    time_estimated: bool
    text: str = Field(examples=["We moved to three read replicas. It cut the tail."])
    confidence: float | None = Field(description="Speech recognition's own, 0 to 1.", examples=[0.93])
    interrupted: bool
    utterances: tuple[SpokenUtterance, ...] = Field(description="Of the candidate's turns only.")


class SpokenTranscript(Frozen):
    """All that was said, in order. What the judge cited is in the scorecard, not here."""

    interview_id: str = Field(examples=[_ID])
    candidate_ref: str = Field(description="A pseudonym.", examples=["C-0412"])
    requisition: str = Field(examples=["REQ-114"])
    rubric: str = Field(description="`id@version`", examples=["backend-eng@4"])
    interviewed_at: Moment | None = Field(examples=["2026-11-18T14:02:00Z"])
    language: str = Field(examples=["en"])
    source: str = Field(description="The format it came from.", examples=["livekit-session"])
    sections: Literal["marked", "whole"] = Field(description="`whole`: every section is judged on all turns.")
    sha256: str = Field(description="Of the canonical transcript in the store.", examples=["9f" * 32])
    turns: tuple[SpokenTurn, ...]


class RecordingFacts(Frozen):
    """How it stands with a recording. Its bytes are at `url`, with ranges; listening is logged."""

    interview_id: str = Field(examples=[_ID])
    status: State = Field(
        description="`missing`: deleted, or never arrived. `changed`: other bytes than were handed over. "
        "`unplayable`: no kind of recording that is safe to give a browser."
    )
    words: str = Field(description="The same for people.", examples=["There is a recording."])
    media_type: str | None = Field(examples=["audio/ogg"])
    bytes: int | None = Field(examples=[6_480_112])
    seconds: float | None = Field(
        description="Where the last turn of the transcript ends; null where it has no times, or cannot be read now.",
        examples=[1_620.0],
    )
    url: str | None = Field(
        description="Where it can be heard, by whoever could ask for this; rights are checked at each request.",
        examples=[f"/interviews/{_ID}/recording"],
    )
    download_url: str | None = Field(
        description="The same as a file; null for those who may not export.",
        examples=[f"/interviews/{_ID}/recording?download=1"],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingApi:
    """The handlers."""

    site: Site

    def transcript(self, request: Request, interview_id: Name) -> Response:
        """All that was said in the interview."""
        with self.site.database.begin() as db:
            spoken = find_spoken(db, interview_id)
        transcript, missing = self.site.words(spoken.transcript_key, spoken.transcript_sha256)
        if transcript is None:
            raise StoreUnavailable(f"the words cannot be shown: {missing}")
        value = SpokenTranscript(
            interview_id=spoken.id,
            candidate_ref=spoken.candidate_ref,
            requisition=spoken.requisition,
            rubric=f"{spoken.rubric_id}@{spoken.rubric_version}",
            interviewed_at=spoken.started_at,
            language=transcript.language,
            source=transcript.source,
            sections=transcript.sections,
            sha256=spoken.transcript_sha256,
            turns=tuple(map(_turn, transcript.turns)),
        )
        return answer(request, value)

    def recording(self, visit: AsVisit, request: Request, interview_id: Name) -> Response:
        """How it stands with the interview's recording, and where it can be heard."""
        with self.site.database.begin() as db:
            spoken = find_spoken(db, interview_id)
        heard = self.site.recordings.of(spoken)
        transcript, _ = self.site.words(spoken.transcript_key, spoken.transcript_sha256)
        url = f"/interviews/{spoken.id}/recording" if heard.state == "present" else None
        value = RecordingFacts(
            interview_id=spoken.id,
            status=heard.state,
            words=heard.words,
            media_type=heard.media_type,
            bytes=heard.head.bytes if heard.head else None,
            seconds=_end(transcript) if transcript else None,
            url=url,
            download_url=f"{url}?download=1" if url and visit.viewer.may("export", spoken.requisition) else None,
        )
        return answer(request, value)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = RecordingApi(site=site)
    see, hear = InRequisition("see_interviews", of_interview), InRequisition("hear_recording", of_interview)
    publish(app, "/v1/interviews/{interview_id}/transcript", api.transcript, needs=see, answers=SpokenTranscript)
    publish(app, "/v1/interviews/{interview_id}/recording", api.recording, needs=hear, answers=RecordingFacts)


def _turn(turn: Turn) -> SpokenTurn:
    shared = {name: getattr(turn, name) for name in SpokenTurn.model_fields if name != "utterances"}
    names = SpokenUtterance.model_fields
    said = utterances_of([turn])
    return SpokenTurn(
        **shared, utterances=tuple(SpokenUtterance(**{name: getattr(one, name) for name in names}) for one in said)
    )


def _end(transcript: Transcript) -> float | None:
    ends = [end for turn in transcript.turns if (end := turn.ended_s if turn.ended_s is not None else turn.started_s)]
    return max(ends, default=None)

"""What the rolling summary saves: tokens that models would read in real interviews, with it and without."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from live_agent.adding import INSTRUCTIONS, SUMMARISE
from live_agent.memory import Limits, Memory, Message, Said, chat_counter, condensed, remember, summary_due, told

TALKS = {"AI:": "interviewer", "Assistant:": "interviewer", "User:": "candidate"}


@dataclass(kw_only=True, slots=True)
class Saved:
    """Prompt tokens over whole interviews, one request after each of the candidate's turns."""

    interviews: int = 0
    requests: int = 0
    whole: int = 0  # with all that was said, in every request
    told: int = 0  # as the memory tells it
    summaries: int = 0  # requests for one
    summary_tokens: int = 0  # of those requests, their answers included
    most: int = 0  # of one request

    @property
    def share(self) -> float:
        """Of the whole, what is saved, the summaries' own cost taken off."""
        return 1 - (self.told + self.summary_tokens) / self.whole if self.whole else 0.0


def conversations(folder: Path) -> Iterator[tuple[Said, ...]]:
    """The real interviews there: one to a row, its turns told apart by their labels."""
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                turns = max((tuple(_turns(cell)) for cell in row), key=len, default=())
                if len(turns) > 2:
                    yield turns


def _turns(cell: str) -> Iterator[Said]:
    speaker, lines = "", list[str]()
    for text in [*cell.splitlines(), "AI:"]:
        label = next((label for label in TALKS if text.startswith(label)), None)
        if label is None:
            lines.append(text)
            continue
        if speaker and any(lines):
            yield Said.model_validate({"speaker": speaker, "text": "\n".join(lines).strip()})
        speaker, lines = TALKS[label], [text.removeprefix(label).strip()]


def saved(talks: Iterable[tuple[Said, ...]], count_text: Callable[[str], int], limits: Limits) -> Saved:
    """With a summary that always takes all it may, which is the dearest it can be."""
    count = chat_counter(count_text)
    notes = _notes(count_text, limits.summary_tokens)
    found = Saved()
    for turns in talks:
        found.interviews += 1
        memory, everything = Memory(), list[Message]()
        for said in turns:
            memory = remember(memory, said)
            role = "assistant" if said.speaker == "interviewer" else "user"
            everything.append(Message.model_validate({"role": role, "content": said.text}))
            if said.speaker != "candidate":
                continue
            seen = told(memory, INSTRUCTIONS["acknowledgment"], limits, count)
            found.requests += 1
            found.told += seen.tokens
            found.most = max(found.most, seen.tokens)
            found.whole += count([seen.messages[0], *everything])
            if (request := summary_due(memory, SUMMARISE, limits, count)) is not None:
                found.summaries += 1
                found.summary_tokens += count(request.messages) + limits.summary_tokens
                memory = condensed(memory, request.taken, notes)
    return found


def _notes(count_text: Callable[[str], int], tokens: int) -> str:
    words = "the candidate told of a project and what came of it "
    text = words
    while count_text(text + words) < tokens:
        text += words
    return text

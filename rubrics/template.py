"""The skeleton that `rubric new` writes: valid at once, with a placeholder wherever the author must decide."""

import json
import re

from rubrics.model import ID_PATTERN

TITLE_MAX = 200  # characters

_SKELETON = """\
# {ref}: what an interview is judged by.
#
# Once interviews have been scored with this file, never edit it: copy it to the next version instead.
# Check it with: debrief rubric lint {name}

id: {id}
version: "1" # in quotes, because 1.10 is not 1.1; the file must be called {name}
title: {title}
role: "TODO the job that this interview is for"
language: en
# short: the judge adds one sentence to each level, for people to read; that about doubles its time.
rationale: none

# Spoken first, after consent. Say that an AI leads the interview, that it is recorded, and how long it takes.
opening: >
  Hello, and thank you for your time. I am an AI interviewer. This conversation is recorded, it takes about ten
  minutes, and people, not I, decide what follows from it. TODO say what the conversation is about.

# Spoken last. Say what happens next.
closing: >
  Thank you, that was my last question. People will read this conversation and decide. TODO say when and how the
  candidate will hear from you.

# In interview order. All questions of a section are asked, then its criteria are judged from the answers.
sections:
  - id: past-work
    title: Work you have done
    # Spoken word for word when the section opens; it also marks the section in imported interviews.
    intro: Let us begin with a piece of work that you have done yourself.
    questions:
      - "TODO ask for one concrete example: what was the task, what did you do, what came of it?"
    follow_ups: # asked where an answer is thin
      - Which part of that did you do yourself?
    time_budget_minutes: 5
    # 1 to 4 criteria. Each is judged on its own, only by what the candidate says in this section.
    criteria:
      - id: own-contribution
        name: Own contribution
        # What is judged, and what is left aside.
        definition: >
          Whether the answer shows what the candidate did, and why. Leave aside the size of the project and the name
          of the employer.
        # One observable step more at each level. 3 meets the bar of the job.
        anchors:
          1: TODO Names no task, or speaks only about what others did.
          2: TODO Names a task, but not which steps the candidate took.
          3: TODO Lists own steps in order and the result they had.
          4: TODO Gives in addition the reason for a step and the option that was turned down.
          5: TODO Tells besides how the result was measured, and what the candidate changed because of it.
        # While a required criterion cannot be judged, the overall score is withheld.
        required: true
        # Up to 3 answers that the judge may compare with, best on both sides of a line that is easily missed. Invent
        # them; level 0 is an answer that gives no basis to judge this. `debrief rubric cost FILE` says what they cost.
        # examples:
        #   - level: 2
        #     answer: TODO what somebody might say who reaches 2, in one to three sentences.
        #     why: TODO what is there, and what is missing for 3.
        #   - level: 4
        #     answer: TODO what somebody might say who reaches 4.

  - id: problem
    title: A problem and its cause
    intro: Now I would like to hear about something that went wrong.
    questions:
      - "TODO ask for one concrete problem: how was it noticed, what was the cause, what was done?"
    follow_ups:
      - How did you know that this was the cause?
    time_budget_minutes: 5
    criteria:
      - id: cause
        name: Finding the cause
        definition: >
          How the candidate got from the symptom to the cause. Leave aside how serious the problem was and who was to
          blame for it.
        anchors:
          1: TODO Describes a symptom only, or blames others without naming a cause.
          2: TODO States a cause without any sign of where that knowledge came from.
          3: TODO Describes one observation or test that pointed to the cause.
          4: TODO Compares two possible causes and says which evidence ruled one out.
          5: TODO Shows besides that the cause was removed, with a check that would have caught a return.
        # A weight other than 1 needs a reason:
        # weight: 2
        # weight_rationale: Most of the job is this.
"""


def template(rubric_id: str, title: str) -> str:
    """A commented, valid rubric of two sections under that id, version 1; ValueError for an unusable id or title."""
    if not re.fullmatch(ID_PATTERN, rubric_id) or rubric_id.endswith("\n"):
        raise ValueError(
            f"{rubric_id!r} cannot be a rubric's id: use 1 to 64 letters, digits, `_`, `.` or `-`, "
            "beginning with a letter or digit; the version is written inside the file"
        )
    words = " ".join(title.split())
    if not words or len(words) > TITLE_MAX or not words.isprintable():
        raise ValueError(f"the title must be 1 to {TITLE_MAX} printable characters")
    ref = f"{rubric_id}@1"
    return _SKELETON.format(ref=ref, name=f"{ref}.yaml", id=_quoted(rubric_id), title=_quoted(words))


def _quoted(text: str) -> str:
    """A YAML double-quoted scalar; JSON strings are that."""
    return json.dumps(text, ensure_ascii=False)

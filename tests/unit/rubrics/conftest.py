"""A small valid rubric to start from."""

from textwrap import dedent

import pytest


@pytest.fixture
def small() -> str:
    """The YAML of a valid rubric with two sections, three criteria and no finding."""
    return dedent("""\
        id: small
        version: "1"
        title: Small
        role: Anyone
        opening: Hello, I am an AI interviewer and this is recorded.
        closing: Thank you. People decide.
        sections:
          - id: one
            title: First
            intro: Let us begin with something that you built.
            questions:
              - What did you build?
            time_budget_minutes: 5
            criteria:
              - id: steps
                name: Steps
                definition: Whether the answer shows which steps the candidate took to get there.
                anchors:
                  1: Speaks only of what the team or product did.
                  2: Names a task but not a single step in it.
                  3: Lists own steps in order with their outcome.
                  4: Says why one step was chosen over an alternative.
                  5: Tells how the outcome was measured and what followed.
              - id: reasons
                name: Reasons
                definition: By what the candidate justifies a choice that was made in that work.
                anchors:
                  1: Offers a choice without giving any ground for it.
                  2: Repeats that something is popular or modern everywhere.
                  3: Derives the choice from a need of this project.
                  4: Holds two options against that same stated need.
                  5: Admits what was lost by choosing this way.
          - id: two
            title: Second
            intro: Now tell me about a fault that you found.
            questions:
              - What was the cause?
              - How did you notice?
            time_budget_minutes: 5
            criteria:
              - id: cause
                name: Cause
                definition: How the candidate got from a symptom to the cause of it.
                required: true
                anchors:
                  1: Describes a symptom and then that it vanished.
                  2: States a cause out of nowhere at all.
                  3: Reports an observation that pointed to the culprit.
                  4: Tests a suspicion that could have turned out wrong.
                  5: Excludes rivals by evidence before repairing the thing.
        """)

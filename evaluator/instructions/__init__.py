"""Speech that is addressed to the judge instead of the interviewer: found by rules with names, shown, never scored."""

from evaluator.instructions.detector import Suspicion, find
from evaluator.instructions.rules import RULES

__all__ = ["RULES", "Suspicion", "find"]

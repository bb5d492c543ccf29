"""What is told of the work while it goes on: ids that every log line carries, and spans; never a word of an interview.

`bound` and `span` cost microseconds and need nothing installed. What writes lines stands in `logs`, what sends spans
in `traces`; both are chosen by whoever starts a process.
"""

from evaluator.observing.context import Scalar, Tracer, bound, bound_ids, code_of, note, span, tracing

__all__ = ["Scalar", "Tracer", "bound", "bound_ids", "code_of", "note", "span", "tracing"]

"""PostgreSQL, Valkey, a folder store and vLLM on the loopback address, for work on one machine."""

from evaluator.embedded.services import Endpoints, Part, Report, Running, check, start

__all__ = ["Endpoints", "Part", "Report", "Running", "check", "start"]

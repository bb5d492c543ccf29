"""A circuit breaker for one provider: after failures in a row it is left alone for a while, then tried once."""

from typing import Literal

from evaluator.values import Frozen

FAILURES_MAX = 3  # in a row, before the circuit opens
OPEN_S = 20.0  # until it is tried again; doubled each time that fails
OPEN_MAX_S = 300.0


class Breaker(Frozen):
    """The state of one provider; moments are seconds of a clock that never goes back. An answer makes a new one."""

    failures: int = 0  # in a row
    opened_at: float | None = None  # None: closed
    open_s: float = OPEN_S  # how long it stays open
    trying_since: float | None = None  # half-open: one request is on its way

    def state(self, now: float) -> Literal["closed", "open", "half_open"]:
        """Closed: requests pass. Open: none does. Half-open: one may find out."""
        if self.opened_at is None:
            return "closed"
        return "open" if now - self.opened_at < self.open_s else "half_open"

    def allows(self, now: float) -> bool:
        """Whether a request may be sent now; in a half-open circuit only where no other finds out already."""
        match self.state(now):
            case "closed":
                return True
            case "open":
                return False
            case "half_open":
                # One that never came back (a cancelled task) must not keep the circuit shut for good.
                return self.trying_since is None or now - self.trying_since >= self.open_s

    def sent(self, now: float) -> "Breaker":
        """After a request was sent."""
        return self.model_copy(update={"trying_since": now}) if self.state(now) == "half_open" else self

    def failed(self, now: float) -> "Breaker":
        """After a failure of the provider (refused, timed out, 5xx), never of the request."""
        if self.state(now) == "half_open":
            return Breaker(failures=self.failures + 1, opened_at=now, open_s=min(self.open_s * 2, OPEN_MAX_S))
        failures = self.failures + 1
        if failures < FAILURES_MAX or self.opened_at is not None:
            return self.model_copy(update={"failures": failures})
        return Breaker(failures=failures, opened_at=now, open_s=self.open_s)

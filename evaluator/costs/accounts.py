"""Accounts: whose the seconds of some nodes were, line by line, and what each line comes to. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from evaluator.costs.money import Money, Prices, Use, money_of
from evaluator.values import Frozen


class Taken(Frozen):
    """What was taken of one worker's life; of which claims, `ending` tells."""

    session_id: str
    ending: str | None = None  # the kind of the event that ended the claims; None: of no claim
    work_s: float = 0.0
    waste_s: float = 0.0
    idle_s: float = 0.0
    cold_s: float = 0.0
    engine_s: float = 0.0
    ended: int = 0  # claims
    calls: int = 0
    calls_wasted: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    judged: int = 0  # interviews, to the end
    timed: int = 0  # of them, whose length is known
    heard_s: float = 0.0  # their length

    @property
    def node_s(self) -> float:
        """All of its time."""
        return self.work_s + self.waste_s + self.idle_s + self.cold_s


class Life(Frozen):
    """A worker's life, as accounts need it."""

    prices: Prices
    price_source: str = ""
    killed: bool = False  # it never said goodbye and is not seen any more


class Line(Frozen):
    """One line of an account: node time, and what it costs."""

    node_s: float
    money: Money


class Priced(Frozen):
    """Prices that some of the nodes of an account had."""

    prices: Prices
    source: str
    node_s: float


class Account(Frozen):
    """Whose each second of some nodes was: `nodes` is the sum of the four lines after it."""

    money: Money  # of nodes and tokens
    use: Use
    nodes: Line
    work: Line
    waste: Line
    idle: Line
    cold: Line
    wasted_by: Mapping[str, Line]  # the kind of the event that ended the claims -> what they wasted
    claims: Mapping[str, int]  # the same -> how many
    calls_wasted: int
    prices: tuple[Priced, ...]
    interviews: int  # judged to the end
    minutes: float | None  # of conversation in these; None: not all of their lengths are known
    tokens_told: bool = True  # False: its tokens are left out, so that the zeros in `use` mean nothing

    @property
    def utilisation(self) -> float | None:
        """Engine seconds / node seconds; None where no node was paid."""
        return self.use.engine_s / self.use.node_s if self.use.node_s else None


class InterviewLine(Frozen):
    """What one interview cost: its work and its waste."""

    interview_id: str
    money: Money
    use: Use


class ClaimLine(Frozen):
    """What one claim of an interview cost."""

    run: str | None
    fence: int
    ending: str
    began_at: datetime
    node: str
    money: Money
    use: Use
    waste_s: float


class RunCost(Frozen):
    """What a run cost, with its part of the time in which its nodes did nothing."""

    run: str
    open: bool  # it may still come to cost more
    account: Account
    dearest: tuple[InterviewLine, ...]


class InterviewCost(Frozen):
    """What an interview cost, in all its evaluations; idle time and cold starts are no interview's."""

    interview_id: str
    account: Account
    claims: tuple[ClaimLine, ...]


class MonthCost(Frozen):
    """What a stretch of time cost, and for what."""

    begin: datetime
    end: datetime
    account: Account
    by_night: Mapping[date, Account]  # from noon to noon, in UTC
    by_rubric: Mapping[str, Account]  # id@version -> work and waste
    outside_runs: Line  # idle time and cold starts while no run was open
    nodes: int  # workers' lives
    killed: int  # of them


def use_of(taken: Iterable[Taken]) -> Use:
    """What all of it comes to."""
    rows = list(taken)
    return Use(
        node_s=sum(one.node_s for one in rows),
        engine_s=sum(one.engine_s for one in rows),
        calls=sum(one.calls for one in rows),
        prompt_tokens=sum(one.prompt_tokens for one in rows),
        cached_tokens=sum(one.cached_tokens for one in rows),
        completion_tokens=sum(one.completion_tokens for one in rows),
    )


def money_for(taken: Iterable[Taken], lives: Mapping[str, Life]) -> Money:
    """What it costs, nodes and tokens, each at the prices of its worker."""
    return money_of(
        (lives[session].prices, use_of(rows)) for session, rows in _grouped(taken, lambda one: one.session_id).items()
    )


def line_of(taken: Sequence[Taken], lives: Mapping[str, Life], seconds: Callable[[Taken], float]) -> Line:
    """What this kind of node time costs."""
    by_life = _grouped(taken, lambda one: one.session_id)
    used = {session: sum(map(seconds, rows)) for session, rows in by_life.items()}
    return Line(
        node_s=sum(used.values()),
        money=money_of((lives[session].prices, Use(node_s=node_s)) for session, node_s in used.items() if node_s),
    )


def account_of(taken: Iterable[Taken], lives: Mapping[str, Life]) -> Account:
    """The account of what was taken of these lives."""
    rows = list(taken)
    by_ending = _grouped((one for one in rows if one.ending is not None), lambda one: one.ending or "")
    judged, timed = sum(one.judged for one in rows), sum(one.timed for one in rows)
    return Account(
        money=money_for(rows, lives),
        use=use_of(rows),
        nodes=line_of(rows, lives, lambda one: one.node_s),
        work=line_of(rows, lives, lambda one: one.work_s),
        waste=line_of(rows, lives, lambda one: one.waste_s),
        idle=line_of(rows, lives, lambda one: one.idle_s),
        cold=line_of(rows, lives, lambda one: one.cold_s),
        wasted_by={
            ending: line_of(those, lives, lambda one: one.waste_s)
            for ending, those in sorted(by_ending.items())
            if any(one.waste_s for one in those)
        },
        claims={ending: sum(one.ended for one in those) for ending, those in sorted(by_ending.items())},
        calls_wasted=sum(one.calls_wasted for one in rows),
        prices=_prices(rows, lives),
        interviews=judged,
        minutes=sum(one.heard_s for one in rows) / 60 if judged and judged == timed else None,
    )


def _prices(taken: Iterable[Taken], lives: Mapping[str, Life]) -> tuple[Priced, ...]:
    """The prices that there were, the most used first."""
    used: defaultdict[tuple[str, str], float] = defaultdict(float)
    known: dict[tuple[str, str], Life] = {}
    for one in taken:
        life = lives[one.session_id]
        key = (life.prices.model_dump_json(), life.price_source)
        used[key] += one.node_s
        known[key] = life
    found = (Priced(prices=known[key].prices, source=known[key].price_source, node_s=used[key]) for key in used)
    return tuple(sorted(found, key=lambda one: -one.node_s))


def _grouped(taken: Iterable[Taken], key: Callable[[Taken], str]) -> Mapping[str, list[Taken]]:
    groups: defaultdict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        groups[key(one)].append(one)
    return groups

"""Which model does which task of an interview, in which order of fallback, and what that may cost: values alone."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, SecretStr, model_validator

from evaluator.errors import UsageFault
from evaluator.values import Frozen, Id

TaskType = Literal["acknowledgment", "interview_turn", "deep_follow_up", "summary", "evaluation"]
TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)

Price = Annotated[Decimal, Field(ge=0, le=10_000, max_digits=12, decimal_places=6)]  # money per million tokens
MILLION = Decimal(1_000_000)


class Provider(Frozen):
    """An endpoint that speaks OpenAI's chat protocol."""

    url: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s]+$")]
    key: SecretStr | None = None


class Choice(Frozen):
    """One model at one provider, with its prices where they are known; an unknown price is never 0."""

    provider: Id
    model: Annotated[str, Field(min_length=1, max_length=200)]
    prompt_price: Price | None = None
    completion_price: Price | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """What a request cost; None without prices."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return (self.prompt_price * prompt_tokens + self.completion_price * completion_tokens) / MILLION

    def spends(self, prompt_tokens: int, completion_tokens: int) -> "Spent":
        """What so much of it counts against a budget."""
        money = self.cost(prompt_tokens, completion_tokens) or Decimal(0)
        return Spent(tokens=prompt_tokens + completion_tokens, money=money)


class Task(Frozen):
    """How one type of task is done."""

    choices: tuple[Choice, ...] = Field(min_length=1, max_length=8)  # in order of fallback
    max_tokens: int = Field(ge=1, le=4_096)  # of the answer
    temperature: float = Field(ge=0, le=2)
    timeout_s: float = Field(gt=0, le=120)  # of one choice; the next is tried after it


class Spent(Frozen):
    """What counts against a budget."""

    tokens: int = 0
    money: Decimal = Decimal(0)  # of choices that have prices

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(tokens=self.tokens + other.tokens, money=self.money + other.money)

    def less(self, other: "Spent") -> "Spent":
        """Without the other."""
        return Spent(tokens=self.tokens - other.tokens, money=self.money - other.money)


class Budget(Frozen):
    """What the models of one interview may use; when it is spent the interview goes on by its script."""

    tokens: int | None = Field(default=None, ge=1)
    money: Price | None = None

    def allows(self, spent: Spent, most: Spent) -> bool:
        """Whether a request that comes to so much at most may still be sent, so that the budget is never passed."""
        after = spent.plus(most)
        enough_tokens = self.tokens is None or after.tokens <= self.tokens
        return enough_tokens and (self.money is None or after.money <= self.money)


class Routing(Frozen):
    """All of it, as it is configured."""

    providers: Mapping[Id, Provider]
    tasks: Mapping[TaskType, Task]
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        faults = [f"no task `{name}`" for name in TASK_TYPES if name not in self.tasks]
        for name, task in self.tasks.items():
            unknown = sorted({c.provider for c in task.choices} - set(self.providers))
            faults += [f"task `{name}` names provider `{p}`, which is not configured" for p in unknown]
            if self.budget.money is not None:
                without = [c.model for c in task.choices if c.cost(0, 0) is None]
                faults += [f"task `{name}`: a budget in money needs prices for {model}" for model in without]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def task(self, name: str) -> Task:
        """How a task of that type is done; UsageFault for a type that is none, never another in its place."""
        for known in TASK_TYPES:
            if known == name:
                return self.tasks[known]
        raise UsageFault(f"there is no task type {name!r}; there are {', '.join(TASK_TYPES)}")


DEFAULTS: Mapping[TaskType, Mapping[str, Any]] = {
    "acknowledgment": {"max_tokens": 50, "temperature": 0.7, "timeout_s": 2.0},
    "interview_turn": {"max_tokens": 150, "temperature": 0.7, "timeout_s": 4.0},
    "deep_follow_up": {"max_tokens": 200, "temperature": 0.6, "timeout_s": 6.0},
    "summary": {"max_tokens": 300, "temperature": 0.2, "timeout_s": 20.0},
    "evaluation": {"max_tokens": 512, "temperature": 0.0, "timeout_s": 120.0},
}


def one_model(provider: Provider, model: str) -> Routing:
    """Everything by one model of one endpoint: what holds where nothing is configured."""
    choice = Choice(provider="engine", model=model)
    tasks = {name: Task(choices=(choice,), **values) for name, values in DEFAULTS.items()}
    return Routing(providers={"engine": provider}, tasks=tasks)


class Request(Frozen):
    """One request as it went."""

    task: TaskType
    provider: Id
    model: str
    outcome: Literal["answered", "failed", "skipped"]  # skipped: its circuit was open
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None  # None: no price
    seconds: float = 0.0


class Usage(Frozen):
    """What some requests came to."""

    requests: int = 0  # sent
    answered: int = 0
    failed: int = 0
    skipped: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = Decimal(0)  # None: a price is missing, so the sum is not known

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens


class Share(Frozen):
    """One type of task in an interview's account."""

    task: TaskType
    usage: Usage
    of_requests: float | None  # share of all answered requests, 0-1; None: there is none
    of_cost: float | None  # None: a price is missing, or nothing was spent


def usage_of(requests: Iterable[Request]) -> Usage:
    """What these come to."""
    total = Usage()
    for request in requests:
        total = _with(total, request)
    return total


def _with(total: Usage, request: Request) -> Usage:
    sent = request.outcome != "skipped"
    answered = request.outcome == "answered"
    cost = None if total.cost is None or (answered and request.cost is None) else total.cost + (request.cost or 0)
    return Usage(
        requests=total.requests + sent,
        answered=total.answered + answered,
        failed=total.failed + (request.outcome == "failed"),
        skipped=total.skipped + (not sent),
        prompt_tokens=total.prompt_tokens + request.prompt_tokens,
        completion_tokens=total.completion_tokens + request.completion_tokens,
        cost=cost,
    )


def shares(requests: Iterable[Request]) -> tuple[Share, ...]:
    """Each type of task that was asked for, with its share of requests and cost; in the order of TASK_TYPES."""
    listed = tuple(requests)
    whole = usage_of(listed)
    by_task = {name: usage_of(r for r in listed if r.task == name) for name in TASK_TYPES}
    return tuple(
        Share(
            task=name,
            usage=usage,
            of_requests=usage.answered / whole.answered if whole.answered else None,
            of_cost=float(usage.cost / whole.cost) if whole.cost and usage.cost is not None else None,
        )
        for name, usage in by_task.items()
        if usage.requests or usage.skipped
    )

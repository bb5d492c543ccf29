"""What node time and tokens come to in money. What has no price has no money: never 0, never a guess."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from evaluator.values import Frozen

TOKENS_PRICED = 1_000_000  # prices of tokens are for so many
_MICRO = Decimal("0.000001")


class Prices(Frozen):
    """What was paid at one time; None: not known."""

    node_hour: Decimal | None = None
    prompt: Decimal | None = None  # this and the next two: of a million tokens
    cached: Decimal | None = None  # None: as other prompt tokens
    completion: Decimal | None = None
    currency: str = "USD"

    @property
    def of_tokens(self) -> bool:
        """Whether tokens have a price: both kinds must."""
        return self.prompt is not None and self.completion is not None


class Use(Frozen):
    """What was used of nodes and of the judge."""

    node_s: float = 0.0
    engine_s: float = 0.0
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's
    completion_tokens: int = 0

    def __add__(self, other: "Use") -> "Use":
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in Use.model_fields})


class Money(Frozen):
    """A sum as far as there are prices."""

    nodes: Decimal | None = None  # None: no node second of it has a price
    tokens: Decimal | None = None  # None: no token of it has one
    currency: str | None = None  # None: nothing has a price, or prices are in two currencies and do not add up
    unpriced_s: float = 0.0  # node seconds that are missing in `nodes`
    mixed: bool = False  # prices are in two currencies: there is no sum

    @property
    def total(self) -> Decimal | None:
        """Nodes and tokens together."""
        known = [part for part in (self.nodes, self.tokens) if part is not None]
        return sum(known, Decimal(0)) if known else None


def node_money(prices: Prices, seconds: float) -> Decimal | None:
    """What node time costs: seconds / 3600 x the hour's price."""
    if prices.node_hour is None:
        return None
    return Decimal(repr(seconds)) * prices.node_hour / 3600


def token_money(prices: Prices, use: Use) -> Decimal | None:
    """What tokens cost: (prompt - cached) x its price + cached x its price + completion x its price, per million."""
    if prices.prompt is None or prices.completion is None:
        return None
    cached_price = prices.prompt if prices.cached is None else prices.cached
    fresh = use.prompt_tokens - use.cached_tokens
    total = fresh * prices.prompt + use.cached_tokens * cached_price + use.completion_tokens * prices.completion
    return total / TOKENS_PRICED


def money_of(used: Iterable[tuple[Prices, Use]]) -> Money:
    """What these come to together, each at its own prices."""
    nodes: list[Decimal] = []
    tokens: list[Decimal] = []
    currencies: set[str] = set()
    unpriced_s = 0.0
    for prices, use in used:
        of_node, of_tokens = node_money(prices, use.node_s), token_money(prices, use)
        nodes += [] if of_node is None else [of_node]
        tokens += [] if of_tokens is None else [of_tokens]
        currencies |= {prices.currency} if of_node is not None or of_tokens is not None else set()
        unpriced_s += use.node_s if of_node is None else 0.0
    if len(currencies) > 1:
        return Money(mixed=True, unpriced_s=unpriced_s)
    return Money(
        nodes=sum(nodes, Decimal(0)) if nodes else None,
        tokens=sum(tokens, Decimal(0)) if tokens else None,
        currency=next(iter(currencies), None),
        unpriced_s=unpriced_s,
    )


def rounded(money: Decimal | None) -> Decimal | None:
    """To a millionth, as JSON tells it."""
    return None if money is None else money.quantize(_MICRO, rounding=ROUND_HALF_EVEN)

"""Prices of one's own in a YAML file: in place of the article's, for every stack or for one."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches

from evaluator.errors import UsageFault
from evaluator.planning.article import COMPONENTS, TIERS
from rubrics.document import Document, Node, Scalar, read_document
from rubrics.document import Mapping as MappingNode
from rubrics.faults import Fault, RubricError, in_file_order

PRICE_MAX = Decimal(1_000)  # a minute; beyond it a unit was mistaken
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")

Prices = Mapping[str, Mapping[str, Decimal]]  # stack -> component -> a minute


def read_prices(content: bytes, path: str) -> Prices:
    """The file's prices, with those for every stack filled in; UsageFault names each fault with line and column."""
    if not content.strip():
        raise UsageFault(f"{path}:1:1: the file is empty; write for example: voice: 0.055")
    try:
        document = read_document(content, path)
    except RubricError as error:
        raise UsageFault(str(error)) from None
    faults: list[Fault] = list(document.faults)
    found = list(_read(document, faults))
    if faults:
        raise UsageFault("\n".join(map(str, in_file_order(faults))))
    everywhere = {component: price for stack, component, price in found if stack is None}
    return {
        tier.key: {**everywhere, **{component: price for stack, component, price in found if stack == tier.key}}
        for tier in TIERS
    }


def amount(text: str) -> Decimal | None:
    """The decimal number, not negative; None for anything else."""
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def _read(document: Document, faults: list[Fault]) -> Iterator[tuple[str | None, str, Decimal]]:
    """Stack (None: every one), component, price."""
    stacks = {tier.key for tier in TIERS}
    if not isinstance(document.root, MappingNode):
        faults.append(document.fault((), "prices are a mapping such as `voice: 0.055`"))
        return
    for name, (key, node) in document.root.entries.items():
        if name in stacks and isinstance(node, MappingNode):
            for inner, (inner_key, value) in node.entries.items():
                yield from _price(document, str(name), inner, inner_key, value, faults, frozenset())
        else:
            yield from _price(document, None, name, key, node, faults, frozenset(stacks))


def _price(
    document: Document,
    stack: str | None,
    name: str | int,
    key: Scalar,
    node: Node,
    faults: list[Fault],
    stacks: frozenset[str],
) -> Iterator[tuple[str | None, str, Decimal]]:
    if name in stacks:
        message = f"`{name}` is a stack; below it stand its components, such as `voice: 0.055`"
        faults.append(Fault(path=document.path, line=node.line, column=node.column, message=message))
    elif name not in COMPONENTS:
        message = f"no component is named `{str(name)[:40]}`; {_close(str(name), (*COMPONENTS, *stacks))}"
        faults.append(Fault(path=document.path, line=key.line, column=key.column, message=message))
    else:
        price = amount(node.text) if isinstance(node, Scalar) else None
        if price is None or price > PRICE_MAX:
            message = f"`{name}` needs a price a minute from 0 to {PRICE_MAX:,}, such as 0.055"
            faults.append(Fault(path=document.path, line=node.line, column=node.column, message=message))
        else:
            yield stack, str(name), price


def _close(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name.lower(), known, n=2)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"

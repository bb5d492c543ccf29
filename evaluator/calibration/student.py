"""Quantiles of Student's t distribution for whole degrees of freedom, so that measuring needs no numeric library."""

import math

_HALVINGS = 200  # of an interval of floats: ends at neighbouring ones


def two_sided(confidence: float, degrees_of_freedom: int) -> float:
    """The t that |T| stays below with this probability; 1.96 for 0.95 and very many degrees of freedom.

    confidence in (0, 1); degrees_of_freedom at least 1; else ValueError.
    """
    if not 0 < confidence < 1 or degrees_of_freedom < 1:
        raise ValueError("a confidence between 0 and 1 and at least one degree of freedom are needed")
    low, high = 0.0, 1.0
    while within(high, degrees_of_freedom) < confidence:
        low, high = high, high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if within(middle, degrees_of_freedom) < confidence else (low, middle)
    return high


def within(t: float, degrees_of_freedom: int) -> float:
    """P(|T| <= t), by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees_of_freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees_of_freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for n in range(2 + odd, degrees_of_freedom + 1, 2):
        total += term
        term *= cosine * cosine * (n - 1) / n
    return 2 / math.pi * (angle + sine * total) if odd else sine * total

"""How busy the judge's engine is, in a line."""

from evaluator.adapters.engine_load import Found


def engine_words(found: Found | None) -> str | None:
    """`24 running, 3 waiting · KV cache 71 % full · …`; None: nothing is known, which is no 0."""
    if found is None or isinstance(found, str):
        return "does not answer" if found == "away" else None
    parts = []
    if found.running is not None and found.waiting is not None:
        parts.append(f"{found.running} running, {found.waiting} waiting")
    if found.kv_usage is not None:
        parts.append(f"KV cache {100 * found.kv_usage:.0f} % full")
    if found.hit_share is not None:
        parts.append(f"prefix-cache hits {100 * found.hit_share:.0f} % since it began")
    return " · ".join(parts) or None

"""How a model's weights are held, by the names that people, configurations and model names give it."""

from collections.abc import Mapping

from evaluator.errors import UsageFault
from evaluator.planning.fit import Precision

_NAMES: Mapping[str, Precision] = {
    **{precision.value: precision for precision in Precision},
    "bfloat16": Precision.BF16,
    "fp16": Precision.BF16,
    "float16": Precision.BF16,
    "half": Precision.BF16,
    "fbgemm_fp8": Precision.FP8,
    "w8a8": Precision.INT8,
    "awq": Precision.INT4,
    "gptq": Precision.INT4,
    "w4a16": Precision.INT4,
}
# In a model's name; the longer first, so that "gptq-int8" is not taken for 4 bits.
_IN_NAMES = ("int8", "w8a8", "int4", "w4a16", "awq", "gptq", "fbgemm_fp8", "fp8")


def named_precision(name: str) -> Precision:
    """The precision of that name; UsageFault for another."""
    found = _NAMES.get(name.lower())
    if found is None:
        known = ", ".join(precision.value for precision in Precision)
        raise UsageFault(f"precision {name[:40]!r} is not known; it is one of {known} (awq and gptq are int4)")
    return found


def precision_of(model: str, quantization: str | None, asked: str | None) -> Precision:
    """What was asked for, else what the config.json says, else what the model's name says, else 16 bits.

    UsageFault where the configuration's method does not tell the width.
    """
    if asked is not None:
        return named_precision(asked)
    if quantization is not None:
        if quantization not in _NAMES:
            raise UsageFault(
                f"{model[:100]}: its quantization {quantization!r} leaves the width open; give --precision"
            )
        return _NAMES[quantization]
    found = [_NAMES[part] for part in _IN_NAMES if part in model.lower()]
    return found[0] if found else Precision.BF16

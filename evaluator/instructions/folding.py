"""One spelling for many: the same words come out the same however letters were swapped, spaced out or hidden."""

import base64
import binascii
import re
import unicodedata
from typing import NamedTuple

from evaluator.untrusted import UNSPOKEN

_SPACES = re.compile(r"[\s\x00-\x20\x7f-\x9f\u2028\u2029\u202f\u2800\u3000]+")
_VARIATION = re.compile("[\ufe00-\ufe0f]+")
# Accents, Arabic vowel signs and the stretching mark: people leave them out, so both sides do.
_MARKS = re.compile("[\u0300-\u036f\u0640\u064b-\u0655\u0670]+")
_LETTERS = str.maketrans(
    {
        "\u0131": "i",  # Turkish dotless i
        "\u0142": "l",
        "\u00f8": "o",
        "\u0111": "d",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u0649": "\u064a",  # Arabic spellings that are used for each other
        "\u0629": "\u0647",
        "\u2018": "'",
        "\u2019": "'",
        "\u201b": "'",
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
    }
)
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")

# Letters of other scripts that look like Latin ones, after folding to lower case (Unicode's confusables, the common).
_LOOKALIKES = str.maketrans(
    dict(
        zip(
            "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501\u051b"
            "\u051d\u0433\u044c\u04bb\u0475\u04cf\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
            "\u03b7\u03b3\u03f2\u03c9\u0261\u0251\u0578\u057d\u0585\u0566",
            "abekmhopctyxijsdqwrbhvlabeikvoptuxnycwganuoq",
            strict=True,
        )
    )
    | dict(
        zip(
            "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280"
            "\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
            "abcdefghijklmnoprstuvwyz",
            strict=True,
        )
    )
)
_FOREIGN = "".join(chr(c) for c in _LOOKALIKES)
# A word that mixes scripts, or small capitals: nobody types these by accident.
_MIXED = re.compile(f"[a-z][{_FOREIGN}]|[{_FOREIGN}][a-z]|[\u1d00-\u1d22\u0299\u0262\u029c\u026a\u029f\u0274\u0280]")
_DIGITS = str.maketrans("013457@$", "oieastas")
_LEET = re.compile(
    r"(?<![\w@$])(?=[a-z0-9@$]{2,24}(?![\w@$]))[a-z0-9@$]*[a-z][0-9@$]+[a-z][a-z0-9@$]*|\b[0-9][a-z][a-z0-9]{4,24}\b"
)
_SPELLED = re.compile(r"(?<![^\W_])[a-z](?:[\s.,_*/|+~-]{1,3}[a-z](?![^\W_]|'[a-z])){4,}")
_BETWEEN = re.compile(r"(?<=[a-z])[\s.,_*/|+~-]+(?=[a-z])")
_AS_IN = re.compile(r"\b([a-z]),? (?:as in|like in|wie in|for) [a-z]+")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{20,4000}={0,2}(?![A-Za-z0-9+/])")
_PLAIN = re.compile(r"[ -~\s]+")


def letters(text: str) -> str:
    """Compatibility forms, case, accents and spellings of one letter, folded; a pattern's letters go through it too."""
    if text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    bare = _MARKS.sub("", unicodedata.normalize("NFD", composed))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


class Spelled(NamedTuple):
    """One text in two spellings."""

    folded: str  # lower case, one space, no accents, nothing that says nothing aloud
    revealed: str  # that with tricks undone: look-alike letters, digits for letters, spelled-out words, base64


def spelled(text: str) -> Spelled:
    """The text, folded and revealed."""
    plain = _letters_of(text)
    return Spelled(_spaced(plain), _revealed(text, plain))


def _spaced(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _letters_of(text: str) -> str:
    visible = UNSPOKEN.sub(lambda run: " " if _SPACES.search(run.group()) else "", _VARIATION.sub("", text))
    return _STRETCHED.sub(r"\1", letters(visible))


def _revealed(text: str, plain: str) -> str:
    if not plain.isascii() and _MIXED.search(plain):
        plain = plain.translate(_LOOKALIKES)
    plain = _LEET.sub(lambda word: word.group().translate(_DIGITS), plain)
    plain = _SPELLED.sub(lambda run: f" {_joined(run.group())} ", _AS_IN.sub(r"\1", plain))
    hidden = " ".join(_decoded(run.group()) for run in _BASE64.finditer(text))
    return _spaced(f"{plain} {letters(hidden)}")


def _joined(run: str) -> str:
    """Letters that were spelled out as words: what stands between most of them separates letters, the rest words."""
    between = _BETWEEN.findall(run)
    usual = max(set(between), key=lambda mark: (between.count(mark), mark)) if len(set(between)) < 8 else " "
    return _BETWEEN.sub(lambda mark: "" if mark.group() == usual else " ", run)


def _decoded(run: str) -> str:
    """What base64 hides, when it is text."""
    try:
        data = base64.b64decode(run + "=" * (-len(run) % 4), validate=True)
        text = data.decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if _PLAIN.fullmatch(text) else ""

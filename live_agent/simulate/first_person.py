"""An anchor's words turned round: what it says of a candidate, said by the candidate."""

import re

_BASE = {"does": "do", "has": "have", "is": "am", "goes": "go"}
_PERSON = re.compile(
    r"\b(?P<whose>(?:the (?:candidate|person)'s|their)(?: own)?)\b"
    r"|\bthe (?:candidate|person)\b(?: (?P<verb>[a-z]+s)\b)?",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.;:])\s+")
_FIRST_VERB = re.compile(r"^((?:[A-Za-z]+ly|Only|Also|Either)\s+)?([A-Za-z]+s)\b(?!')")
# Behind a conjunction a word in -s is a verb only where an object or an adverbial follows.
_NEXT_VERB = re.compile(
    r"((?:,|\band|\bbut|\bor|\bthen|\bnor)\s+(?:[a-z]+ly\s+|then\s+|also\s+|only\s+)?)([a-z]+s)"
    r"(?=\s+(?:an?|the|no|not|nothing|it|them|what|how|why|who|which|whether|when|where|that|to|at|on|for|with|my|one|"
    r"each|every|only|little|few|by|from|into|back|out|up|about|him|her|neither|both|any|some|others|of|or|under|"
    r"without|such|as|so)\b)"
)
_NOUNS = {
    "this",
    "its",
    "his",
    "less",
    "across",
    "plus",
    "thus",
    "perhaps",
    "always",
    "sometimes",
    "as",
    "yes",
    "us",
    "does",
}


def in_first_person(anchor: str) -> str:
    """The anchor as the candidate might say it: a plain rendering by rules, for criteria without a bank."""
    turned = _PERSON.sub(_person, anchor.strip().rstrip("."))
    return ". ".join(_sentence(sentence.rstrip(".;:")) for sentence in _SENTENCE.split(turned))


def _person(match: re.Match[str]) -> str:
    if match["verb"]:
        return f"I {_base(match['verb'])}"
    if match["whose"] is None:
        return "I"
    return "my own" if match["whose"].lower().endswith("own") else "my"


def _sentence(text: str) -> str:
    first = _FIRST_VERB.match(text)
    if first and first[2].lower() not in _NOUNS:
        adverb = (first[1] or "").lower()
        text = f"I {adverb}{_base(first[2].lower())}{text[first.end() :]}"
    return _NEXT_VERB.sub(lambda m: m[0] if m[2] in _NOUNS else m[1] + _base(m[2]), text)


def _base(verb: str) -> str:
    """`names` -> `name`, `identifies` -> `identify`, `reaches` -> `reach`."""
    if verb in _BASE:
        return _BASE[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return verb[:-2]
    return verb.removesuffix("s")

"""Reads back what our own PDFs hold: the catalogue, the tree of tags, and the text under each."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(
    rb"\s*(?:(<<|>>|\[|\])|(/[^\s<>\[\]()/]*)|<([0-9A-Fa-f\s]*)>|(\()|([0-9]+)\s+([0-9]+)\s+R\b|([^\s<>\[\]()/]+))"
)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class Ref:
    """A reference to an object."""

    number: int


@dataclass(frozen=True)
class Element:
    """One tag with what is under it."""

    tag: str
    text: str
    children: tuple["Element", ...]

    def walk(self) -> Iterator["Element"]:
        """Itself and all under it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()


class Pdf:
    """One document."""

    def __init__(self, data: bytes) -> None:
        self._objects: dict[int, tuple[object, bytes]] = {}
        for match in re.finditer(rb"(?:^|\n)([0-9]+) 0 obj\s(.*?)endobj", data, re.DOTALL):
            value, end = _parse(match.group(2), 0)
            self._objects[int(match.group(1))] = value, _stream(match.group(2)[end:], value)
        for value, stream in list(self._objects.values()):
            if isinstance(value, dict) and value.get("Type") == "ObjStm":
                self._unpack(value, stream)

    def _unpack(self, head: dict, stream: bytes) -> None:
        numbers = [int(n) for n in stream[: head["First"]].split()]
        for number, offset in zip(numbers[::2], numbers[1::2], strict=True):
            self._objects[number] = _parse(stream, head["First"] + offset)[0], b""

    def get(self, value: object) -> object:
        """The object itself where this is a reference."""
        return self._objects[value.number][0] if isinstance(value, Ref) else value

    def stream(self, value: object) -> bytes:
        """What an object's stream holds."""
        return self._objects[value.number][1] if isinstance(value, Ref) else b""

    def of_type(self, name: str) -> list[dict]:
        """All dictionaries of this type."""
        return [v for v, _ in self._objects.values() if isinstance(v, dict) and v.get("Type") == name]

    @property
    def catalogue(self) -> dict:
        """The document's root."""
        return self.of_type("Catalog")[0]

    @cached_property
    def structure(self) -> Element:
        """The tree of tags."""
        root = self.get(self.catalogue["StructTreeRoot"])
        return Element("Root", "", tuple(self._elements(root, None)))

    @cached_property
    def text(self) -> str:
        """All tagged text, a tag that holds some by itself a line."""
        return "\n".join(e.text for e in self.structure.walk() if e.text)

    def _elements(self, node: dict, page: object) -> Iterator[Element]:
        kids = self.get(node.get("K", []))
        for kid in kids if isinstance(kids, list) else [node["K"]]:
            child = self.get(kid)
            if isinstance(child, dict) and "S" in child:
                on = child.get("Pg", page)
                yield Element(child["S"], self._own_text(child, on), tuple(self._elements(child, on)))

    def _own_text(self, node: dict, page: object) -> str:
        kids = self.get(node.get("K", []))
        found = []
        for kid in (self.get(k) for k in (kids if isinstance(kids, list) else [kids])):
            if isinstance(kid, int):
                found.append(self._marked(page)[kid])
            elif isinstance(kid, dict) and "MCID" in kid:
                found.append(self._marked(kid.get("Pg", page))[kid["MCID"]])
        return "".join(found)

    def _marked(self, page: object) -> dict[int, str]:
        """Marked content of a page: its number -> its text."""
        head = self.get(page)
        fonts = self.get(self.get(head["Resources"])["Font"])
        maps = {name: self._characters(font) for name, font in fonts.items()}
        texts: dict[int, str] = {}
        current, font = None, ""
        operator = re.compile(rb"/MCID ([0-9]+)>>\s*BDC|(EMC)|/(\S+) [0-9.]+ Tf|(\[[^\]]*\]) TJ")
        for match in operator.finditer(self.stream(head["Contents"])):
            number, end, name, shown = match.groups()
            if number is not None:
                current = int(number)
                texts[current] = ""
            elif end is not None:
                current = None
            elif name is not None:
                font = name.decode()
            elif current is not None:
                texts[current] += _shown(shown, maps[font])
        return texts

    def _characters(self, font: object) -> dict[int, str]:
        table = self.stream(self.get(font)["ToUnicode"])
        pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>", table)
        return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}


def _shown(array: bytes, characters: dict[int, str]) -> str:
    glyphs = "".join(re.findall(r"<([0-9A-Fa-f]*)>", array.decode()))
    return "".join(characters.get(int(glyphs[n : n + 4], 16), "\ufffd") for n in range(0, len(glyphs), 4))


def _stream(rest: bytes, head: object) -> bytes:
    if not isinstance(head, dict) or b"stream" not in rest:
        return b""
    start = re.search(rb"stream\r?\n", rest).end()
    data = rest[start : rest.rindex(b"endstream")]
    return zlib.decompressobj().decompress(data) if head.get("Filter") == "FlateDecode" else data


def _parse(data: bytes, at: int) -> tuple[object, int]:
    match = _TOKEN.match(data, at)
    bracket, name, hexadecimal, text, number, _, other = match.groups()
    if bracket == b"<<":
        items, end = _items(data, match.end(), b">>")
        return dict(zip(items[::2], items[1::2], strict=True)), end
    if bracket == b"[":
        return _items(data, match.end(), b"]")
    if text is not None:
        return _literal(data, match.end())
    return _simple(name, hexadecimal, number, other), match.end()


def _simple(name: bytes | None, hexadecimal: bytes | None, number: bytes | None, other: bytes | None) -> object:
    if name is not None:
        return name[1:].decode("latin-1")
    if hexadecimal is not None:
        return _decoded(bytes.fromhex(hexadecimal.decode()))
    if number is not None:
        return Ref(int(number))
    word = other.decode("latin-1")
    known = {"true": True, "false": False, "null": None}
    return known.get(word, int(word) if re.fullmatch(r"-?[0-9]+", word) else word)


def _items(data: bytes, at: int, close: bytes) -> tuple[list, int]:
    items = []
    while not (end := re.compile(rb"\s*" + re.escape(close)).match(data, at)):
        item, at = _parse(data, at)
        items.append(item)
    return items, end.end()


def _literal(data: bytes, at: int) -> tuple[str, int]:
    found, depth = bytearray(), 1
    while depth:
        character = data[at : at + 1]
        if character == b"\\":
            at += 1
            found += _ESCAPES.get(data[at : at + 1], data[at : at + 1])
        else:
            depth += {b"(": 1, b")": -1}.get(character, 0)
            found += character if depth else b""
        at += 1
    return _decoded(bytes(found)), at


def _decoded(data: bytes) -> str:
    return data.decode("utf-16") if data[:2] == b"\xfe\xff" else data.decode("latin-1")

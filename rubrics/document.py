"""YAML text becomes a tree of nodes that know their line and column; nothing in it is ever executed or expanded.

The tree is built from ruamel.yaml's events, so the constructors (custom tags, dates, merged keys, aliases that grow)
are never reached, and a hostile file is refused at the first level that is too deep.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from rubrics.faults import Fault, RubricError, in_file_order

BYTES_MAX = (
    128 * 1024
)  # per file (characters, where text is given); a rubric of twelve full sections takes about 100 KiB
DEPTH_MAX = 8  # levels of nesting; a rubric has 7
NODES_MAX = 5_000  # per file; a rubric of twelve full sections has about 2,400

# Control characters, lone surrogates, and the marks that reorder text on screen.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,14})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
# Unquoted words that YAML 1.1 and 1.2 read differently, or that become a date, a time or a number unseen.
_SURPRISE = re.compile(
    r"(?:(?P<bool>yes|no|on|off|y|n)"
    r"|(?P<date>\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?)"
    r"|(?P<time>[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?)"
    r"|(?P<number>[-+]?(?:0[xob][\da-f_]+|0\d+|\d[\d_]*_[\d_]*|\.inf|\.nan|\d{16,})))",
    re.IGNORECASE,
)

Value = str | int | float | bool | None
Key = str | int
Path = tuple[Key, ...]  # ("sections", 0, "title")
Tree = Value | dict[Key, "Tree"] | tuple["Tree", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scalar:
    """One word or text; `plain` when it is written without quotes."""

    line: int
    column: int
    text: str
    plain: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """Fields with their values, in file order; the first of a repeated key counts."""

    line: int
    column: int
    entries: "dict[Key, tuple[Scalar, Node]]" = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A parsed file: its tree, and the faults of its YAML that did not stop the parsing."""

    path: str
    root: Node
    faults: tuple[Fault, ...] = ()

    def node(self, path: Path) -> Node | None:
        """The node at that path; None where the file has none."""
        node: Node = self.root
        for step in path:
            if isinstance(node, Mapping) and step in node.entries:
                node = node.entries[step][1]
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def key(self, path: Path) -> Scalar | None:
        """The key that leads to that path; None where the last step is no written key."""
        parent = self.node(path[:-1]) if path else None
        return parent.entries[path[-1]][0] if isinstance(parent, Mapping) and path[-1] in parent.entries else None

    def fault(self, path: Path, message: str, *, at_key: bool = False) -> Fault:
        """A fault at the value of that path (or its key), else at the nearest thing around it that is written."""
        for length in range(len(path), -1, -1):
            spot = (self.key(path[:length]) if at_key else None) or self.node(path[:length])
            if spot is not None:
                return Fault(path=self.path, line=spot.line, column=spot.column, message=message)
        return Fault(path=self.path, line=1, column=1, message=message)

    def tree(self) -> Tree:
        """Plain values: dict, tuple, str, int, float, bool, None."""
        return _tree(self.root)


def read_document(content: bytes | str, path: str) -> Document:
    """Parse the YAML of one file.

    Raises RubricError when there is no tree to speak of: too large, not UTF-8, binary, not YAML, too deep.
    """
    text = _decode(content, path)
    builder = _Builder(path)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except YAMLError as error:
        raise RubricError((_syntax_fault(error, path),)) from error
    except (OverflowError, ValueError) as error:
        # ruamel's scanner lets these through for escapes beyond Unicode; RubricError is a ValueError too.
        if isinstance(error, RubricError):
            raise
        raise RubricError((_at(path, 1, 1, f"not valid YAML: {error}"),)) from error
    if builder.root is None:
        raise RubricError((_at(path, 1, 1, "the file is empty; `debrief rubric new ID` writes one to start from"),))
    return Document(path=path, root=builder.root, faults=in_file_order(builder.faults))


def scalar_value(scalar: Scalar) -> Value:
    """What YAML 1.2 makes of the scalar; anything quoted is text."""
    text = scalar.text
    if not scalar.plain:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _at(path: str, line: int, column: int, message: str) -> Fault:
    return Fault(path=path, line=line, column=column, message=message)


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of an index into the text."""
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _decode(content: bytes | str, path: str) -> str:
    if len(content) > BYTES_MAX:
        message = f"the file has more than {BYTES_MAX // 1024} KiB, the limit for one rubric; is this the right file?"
        raise RubricError((_at(path, 1, 1, message),))
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        line, column = _place(before, len(before))
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        raise RubricError((_at(path, line, column, message),)) from error
    text = text.removeprefix("\ufeff")
    if refused := _REFUSED.search(text):
        line, column = _place(text, refused.start())
        message = f"character U+{ord(refused.group()):04X} is not allowed; is this a text file?"
        raise RubricError((_at(path, line, column, message),))
    return text


def _syntax_fault(error: YAMLError, path: str) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return _at(path, 1, 1, "not valid YAML")
    mark = error.problem_mark or error.context_mark
    what = ", ".join(str(part) for part in (error.context, error.problem) if part)
    return _at(path, (mark.line if mark else 0) + 1, (mark.column if mark else 0) + 1, f"not valid YAML: {what}")


class _Builder:
    """Takes parser events one by one and grows the tree; notes what a rubric may not contain."""

    def __init__(self, path: str) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._path = path
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []  # beside _open: the key that waits for its value
        self._nodes = 0

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self._start_document(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, NodeEvent):
            self._count(event)
            for message in _refusals(event):
                self._fault(event, message)
            self._place(self._node(event))

    def _start_document(self, event: DocumentStartEvent) -> None:
        if self.root is not None:
            raise RubricError((self._fault(event, "a second document begins here; keep one rubric per file"),))
        if event.version or event.tags:
            self._fault(event, "%YAML and %TAG lines are not allowed; remove them")

    def _count(self, event: Event) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise RubricError((self._fault(event, f"more than {NODES_MAX} values; is this a rubric?"),))
        if len(self._open) >= DEPTH_MAX:
            raise RubricError((self._fault(event, f"nested deeper than {DEPTH_MAX} levels; is this a rubric?"),))

    def _node(self, event: NodeEvent) -> Node:
        line, column = _start(event)
        if isinstance(event, MappingStartEvent):
            return Mapping(line=line, column=column)
        if isinstance(event, SequenceStartEvent):
            return Sequence(line=line, column=column)
        if not isinstance(event, ScalarEvent):  # an alias
            return Scalar(line=line, column=column, text="", plain=False)
        key = self._keys[-1] if self._keys else None
        if key is not None and event.value == "" and not event.style:
            line, column = key.line, key.column  # nothing is written here; the parser points behind it
        return Scalar(line=line, column=column, text=event.value, plain=bool(event.implicit[0]))

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
        elif isinstance(parent := self._open[-1], Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = self._as_key(node)
        else:
            self._add_entry(parent, key, node)
            self._keys[-1] = None
        if isinstance(node, Scalar):
            self._note_surprise(node)
            self._note_refused(node)
        else:
            self._open.append(node)
            self._keys.append(None)

    def _as_key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        raise RubricError((_at(self._path, node.line, node.column, "a field's name must be a single word"),))

    def _add_entry(self, parent: Mapping, key: Scalar, node: Node) -> None:
        name = _key(key)
        if name in parent.entries:
            first = parent.entries[name][0]
            message = f"`{_short(key.text)}` is given twice; it is already on line {first.line}"
            self.faults.append(_at(self._path, key.line, key.column, message))
        else:
            parent.entries[name] = (key, node)

    def _note_surprise(self, node: Scalar) -> None:
        match = _SURPRISE.fullmatch(node.text) if node.plain else None
        if match is None:
            return
        kind = {"bool": "true or false", "date": "a date", "time": "a number", "number": "another number"}
        message = f"some YAML readers take `{_short(node.text)}` for {kind[match.lastgroup or 'number']}"
        message += f'; write "{_short(node.text)}" in quotes if it is text'
        if match.lastgroup == "bool":
            message += ", true or false if it is a switch"
        self.faults.append(_at(self._path, node.line, node.column, message))

    def _note_refused(self, node: Scalar) -> None:
        """What an escape in quotes stands for reaches the text only here."""
        if refused := _REFUSED.search(node.text):
            message = f"character U+{ord(refused.group()):04X} is not allowed; remove it"
            self.faults.append(_at(self._path, node.line, node.column, message))

    def _fault(self, event: Event, message: str) -> Fault:
        line, column = _start(event)
        fault = _at(self._path, line, column, message)
        self.faults.append(fault)
        return fault


def _start(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _refusals(event: NodeEvent) -> Iterator[str]:
    """What a rubric may not contain, however well-formed."""
    if isinstance(event, AliasEvent):
        yield f"`*{_short(event.anchor)}` refers to text elsewhere; write the text out"
    elif event.anchor:
        yield f"`&{_short(event.anchor)}` marks text for reuse, which a rubric may not; remove it and write texts out"
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
        yield f"the tag `{_short(str(event.tag))}` is not allowed; write plain text, numbers, true or false"


def _key(scalar: Scalar) -> Key:
    value = scalar_value(scalar)
    return value if isinstance(value, int) and not isinstance(value, bool) else scalar.text


def _short(text: str, limit: int = 40) -> str:
    """The text on one line, cut, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _tree(node: Node) -> Tree:
    if isinstance(node, Scalar):
        return scalar_value(node)
    if isinstance(node, Sequence):
        return tuple(_tree(item) for item in node.items)
    return {name: _tree(value) for name, (_, value) in node.entries.items()}

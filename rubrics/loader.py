"""A rubric file becomes a Rubric, or a list of all its faults with line and column."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rubrics.document import BYTES_MAX, Document, Mapping, Scalar, Sequence, read_document, scalar_value
from rubrics.document import Path as NodePath
from rubrics.faults import Fault, RubricError, in_file_order
from rubrics.model import REPEATED_ID, Criterion, Example, Rubric, Section

ROOT_FIELDS = ", ".join(Rubric.model_fields)

_PATTERN_HINTS = {
    "id": "may hold letters, digits, `_`, `.` and `-`, begins with a letter or digit, and has at most 64 characters",
    "version": 'is one to three numbers in quotes, such as "1" or "1.2"',
    "language": "is a language code such as en or de-CH",
}
_SHAPES = {
    "string_type": "text",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list, with `- ` before each item",
    "int_type": "a whole number",
    "dict_type": "a mapping with one `level: text` per line",
    "model_type": "a mapping with one `field: value` per line",
    "model_attributes_type": "a mapping with one `field: value` per line",
}


def load(path: Path) -> Rubric:
    """The rubric in that file; RubricError with all faults when it is unreadable or invalid."""
    return parse(read_bytes(path), str(path))


def parse(text: bytes | str, path: str) -> Rubric:
    """The rubric in that YAML; RubricError, and nothing else, with all its faults. `path` is only for messages."""
    return parse_document(text, path)[0]


def parse_document(text: bytes | str, path: str) -> tuple[Rubric, Document]:
    """The rubric together with the tree it came from, for those who need to point at a line."""
    document = read_document(text, path)
    if not isinstance(document.root, Mapping):
        message = f"a rubric is a mapping with the fields {ROOT_FIELDS}"
        raise RubricError((*document.faults, document.fault((), message)))
    repeated = list(_repeated_ids(document))
    try:
        rubric = Rubric.model_validate(document.tree(), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        found = [_fault(document, detail) for detail in details if not _is_consequence(document, detail)]
        raise RubricError(_merged(document.faults, [*repeated, *found])) from error
    if document.faults:
        raise RubricError(document.faults)
    return rubric, document


def read_bytes(path: Path) -> bytes:
    """The file's bytes, at most one more than the limit; RubricError when it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise RubricError((_unreadable(path, "it is not a file; name one YAML file"),))
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, RubricError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RubricError((_unreadable(path, f"{reason}; check the name and its permissions"),)) from error


def _unreadable(path: Path, reason: str) -> Fault:
    return Fault(path=str(path), line=1, column=1, message=f"cannot be read: {reason}")


def _merged(from_yaml: tuple[Fault, ...], from_model: list[Fault]) -> tuple[Fault, ...]:
    """All faults; what the YAML already explained is not explained again at the same place."""
    places = {(fault.line, fault.column) for fault in from_yaml}
    return in_file_order([*from_yaml, *(fault for fault in from_model if (fault.line, fault.column) not in places)])


def _is_consequence(document: Document, detail: ErrorDetails) -> bool:
    """Whether the error only follows from one that is reported with a better place."""
    if detail["type"] == REPEATED_ID:
        return True
    node = document.node(detail["loc"])  # pydantic calls a list empty when every item of it is faulty
    return detail["type"] == "too_short" and isinstance(node, Sequence) and len(node.items) > 0


def _repeated_ids(document: Document) -> Iterator[Fault]:
    """Section and criterion ids that were used before; found here so that other faults do not hide them."""
    for noun, paths in (("section", _section_paths(document)), ("criterion", _criterion_paths(document))):
        lines: dict[str, int] = {}
        for path in paths:
            node = document.node((*path, "id"))
            if not isinstance(node, Scalar) or not node.text:
                continue
            if node.text in lines:
                message = f"the {noun} id `{node.text}` is already used on line {lines[node.text]}; ids are unique"
                yield document.fault((*path, "id"), message)
            lines.setdefault(node.text, node.line)


def _section_paths(document: Document) -> list[NodePath]:
    return _item_paths(document, ("sections",))


def _criterion_paths(document: Document) -> list[NodePath]:
    return [path for section in _section_paths(document) for path in _item_paths(document, (*section, "criteria"))]


def _item_paths(document: Document, path: NodePath) -> list[NodePath]:
    node = document.node(path)
    return [(*path, index) for index in range(len(node.items))] if isinstance(node, Sequence) else []


def _fault(document: Document, detail: ErrorDetails) -> Fault:
    """One of pydantic's errors in the words of the file, where the file says it."""
    path, kind = detail["loc"], detail["type"]
    name = str(path[-1]) if path else ""
    if name == "weight_rationale" and document.key(path) is None:
        path = (*path[:-1], "weight")
    if kind == "missing":
        return document.fault(path[:-1], f"the field `{name}` is missing")
    if kind == "extra_forbidden":
        return document.fault(path, _unknown_field(path, name), at_key=True)
    if name == "[key]":
        message = "a level is a whole number from 1 to 5, without quotes"
        return document.fault(path[:-1], message, at_key=True)
    if kind == "value_error":
        return document.fault(path, str(detail["ctx"]["error"]), at_key=True)
    return document.fault(path, f"{_label(path)} {_complaint(document, detail)}")


def _label(path: NodePath) -> str:
    """The field as the author knows it: `title`, anchor 3, item 2 of `questions`."""
    if not path:
        return "the rubric"
    if isinstance(path[-1], str):
        return f"`{path[-1]}`"
    parent = path[-2] if len(path) > 1 else ""
    return f"anchor {path[-1]}" if parent == "anchors" else f"item {path[-1] + 1} of `{parent}`"


def _complaint(document: Document, detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _SHAPES:
        return _wrong_shape(document, detail["loc"], _SHAPES[kind])
    if kind == "string_pattern_mismatch":
        return _PATTERN_HINTS.get(str(detail["loc"][-1]), detail["msg"])
    if kind in ("string_too_short", "too_short"):
        return "is empty"
    if kind in ("string_too_long", "too_long"):
        text = detail["input"]
        unit = "characters" if isinstance(text, str) else "items"
        return f"has {len(text)} {unit}; at most {context['max_length']} are allowed"
    return detail["msg"].replace("Input should be", "must be")


def _wrong_shape(document: Document, path: NodePath, wanted: str) -> str:
    node = document.node(path)
    if isinstance(node, Mapping | Sequence):
        return f"must be {wanted}, not {'a list' if isinstance(node, Sequence) else 'a mapping of fields'}"
    if node is None or scalar_value(node) is None:
        return f"is empty; it must be {wanted}"
    if wanted != "text":
        return f"must be {wanted}"
    quoted = f'put it in quotes: "{node.text}"'
    value = scalar_value(node)
    changed = isinstance(value, float) and str(value) != node.text
    return f"must be text; {quoted}" + (f" (without them YAML reads {value})" if changed else "")


def _unknown_field(path: NodePath, name: str) -> str:
    known = _model_at(path[:-1]).model_fields
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"the fields here are {', '.join(known)}"
    return f"unknown field `{name if len(name) <= 40 else name[:39] + '…'}`; {hint}"


def _model_at(path: NodePath) -> type[BaseModel]:
    """Which value a mapping at that path stands for."""
    if not path:
        return Rubric
    if "examples" in path:
        return Example
    return Section if len(path) == 2 else Criterion

"""Finds strings of the code that somebody reads and that are not translated.

What a string is used for decides: an argument of what shows texts, a help text or title of a view, a
sentence in the application, the sentence of an error. Keys, ids, comparisons, logs and style sheets
are none of these.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = ("tr", "tr_in", "tr_n", "mark", "mark_in")
SHOWN = frozenset(
    (
        *("setText", "setToolTip", "setAccessibleName", "setAccessibleDescription", "addAction"),
        *("setWindowTitle", "setPlaceholderText", "setTitle", "QLabel", "QPushButton", "QCheckBox"),
        *(
            "QAction",
            "IconButton",
            "Caption",
            "Combo",
            "Segmented",
            "EmptyStack",
            "chip",
            "set_text",
        ),
        *("show_empty", "addMenu", "menu_button", "setStatusTip", "setHeaderLabels"),
    )
)
ERRORS = re.compile(r"(Error|^_?error|^edit_error|^_?unusable|^damaged|^unsafe)$")
UNREAD = frozenset(
    (
        *("debug", "info", "warning", "exception", "compile", "Template", "setStyleSheet", "write"),
        *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
        *("split", "strip", "getattr", "setObjectName", "Command", "get", "pop", "setProperty"),
        *("AssertionError", "RuntimeError", "NotImplementedError", "write_text", "selectFile"),
    )
)
PASSED_ON = frozenset(("join", "filter", "tuple", "list", "sorted", "partial"))
OUTSIDE = ("cli/", "language.py", "app/gallery", "app/languages.py", "logs.py", "__main__.py")


def unwrapped(root: Path = ROOT) -> Iterator[tuple[str, int, str]]:
    """Return file, line and text of every string that is read and not translated."""
    package = root / "spikestudio"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if not name.startswith(OUTSIDE):
            yield from ((name, *each) for each in of_code(path.read_text("utf-8"), name))


def of_code(code: str, name: str) -> Iterator[tuple[int, str]]:
    """Return line and text of every such string of a module, by its name below the package."""
    tree = ast.parse(code)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        text = _text(node)
        if text and _is_read(node, text, parents, is_app=name.startswith("app/")):
            yield getattr(node, "lineno", 0), text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_read(node: ast.AST, text: str, parents: dict[ast.AST, ast.AST], *, is_app: bool) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", text.replace("{}", " "))
    is_sentence = len(words) > 1 and " " in text.strip()
    is_word = bool(re.fullmatch(r"[A-Z][a-z]+…?", text)) or is_sentence
    child, parent = node, parents.get(node)
    while parent is not None:
        if isinstance(parent, ast.Compare | ast.Subscript | ast.FormattedValue | ast.JoinedStr):
            return False
        if isinstance(parent, ast.Expr | ast.arg | ast.Assert | ast.MatchValue):
            return False  # a docstring, an annotation, a condition
        if isinstance(parent, ast.AnnAssign) and parent.annotation is child:
            return False
        if isinstance(parent, ast.Dict) and child in parent.keys:
            return False
        if isinstance(parent, ast.Call) and parent.func is not child:
            called = _name(parent.func)
            if called in TRANSLATED:
                return False
            if called in UNREAD and not _is_message(parent.func):
                return False
            if child in parent.args and called in SHOWN:
                return is_word and is_app
            if ERRORS.search(called):
                return is_sentence and child in parent.args
            if called not in PASSED_ON:
                return is_sentence and is_app
        if isinstance(parent, ast.stmt):
            return is_sentence and is_app and not isinstance(parent, ast.If)
        child, parent = parent, parents.get(parent)
    return False


def _name(function: ast.AST) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_message(function: ast.AST) -> bool:
    """Whether ``info`` or ``warning`` is the message area's, not the log's."""
    owner = getattr(function, "value", None)
    return _name(function) == "info" and _name(owner) != "logger" if owner is not None else False

"""The faults: small changes of a function that a programmer could have made by mistake. Pure.

A comparison is off by its edge or turned round, a condition is turned round, `and` is `or`, a sum is a difference, a number is
one more, a flag is the other, a call whose result nobody takes is left out, a refusal is not raised, a result is None. Words
stay as they are: what they say is for people.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
_SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not",
    ast.In: "in", ast.NotIn: "not in", ast.And: "and", ast.Or: "or", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
    ast.FloorDiv: "//", ast.Mod: "%", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """`function` is its name within the module (`Ring.get`), `place` a number in the walk over the module's tree, `lines` those of
    its statement: a test that reaches none of them cannot notice."""

    module: str
    function: str
    line: int
    source: str
    what: str
    place: int
    change: "_Change"
    path: Path
    lines: range

    def __str__(self) -> str:
        return f"{self.module.replace('.', '/')}.py:{self.line} {self.function}: {self.what}"

    @property
    def name(self) -> str:
        """As `__str__`, with what stands on the line instead of its number, which any change above it moves."""
        return f"{self.module.replace('.', '/')}.py {self.function}: {self.what} | {self.source}"

    def code(self) -> CodeType | None:
        """The function's code with the fault in it; None for what Python does not compile."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        self.change(next(node for number, node in enumerate(ast.walk(tree)) if number == self.place))
        try:
            code = compile(ast.fix_missing_locations(tree), str(self.path), "exec")
        except (SyntaxError, ValueError):
            return None
        for part in self.function.split("."):
            code = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == part)
        return code


def of_module(module: str, path: Path) -> list[Fault]:
    text = path.read_text(encoding="utf-8")
    tree, source = ast.parse(text), text.splitlines()
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    return [
        Fault(module, name, line, source[line - 1].strip(), what, numbers[id(place)], change, path, lines)
        for name, function in _functions(tree)
        for place, lines in _walk(function)
        for what, change in _faults_at(place)
        if (line := getattr(place, "lineno", 0))
    ]


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Of the module and of its classes; what is written inside of them belongs to them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _walk(function: ast.AST) -> Iterator[tuple[ast.AST, range]]:
    """Its body, each with the lines of its statement, not what stands in its head: defaults and annotations are not in its code."""
    nothing = range(0)
    waiting = [(node, nothing) for node in function.body]  # type: ignore[attr-defined]
    while waiting:
        node, lines = waiting.pop(0)
        lines = _lines_of(node) if isinstance(node, ast.stmt) else lines
        yield node, lines
        waiting += [(child, lines) for name, child in _children(node) if name not in ("annotation", "returns")]


def _lines_of(statement: ast.stmt) -> range:
    """What has a body is reached where it begins, or, as `while True`, where the body does."""
    body = getattr(statement, "body", None)
    last = statement.end_lineno if body is None else body[0].lineno
    return range(statement.lineno, (last or statement.lineno) + 1)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _faults_at(node: ast.AST) -> Iterator[tuple[str, "_Change"]]:
    match node:
        case ast.Compare(ops=[one]) if type(one) in _OTHER:
            yield _named(one), _set("ops", [_OTHER[type(one)]()])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _OTHER and not _is_text(node):
            yield _named(op), _set("op", _OTHER[type(op)]())
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare):
            yield "the condition is turned round", _set("test", ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool(flag)):
            yield f"{flag} is {not flag}", _set("value", not flag)
        case ast.Constant(value=int(number)):
            yield f"{number} is {number + 1}", _set("value", number + 1)
        case ast.Constant(value=bytes(text)) if text:
            yield f"{text!r} is another", _set("value", text + b"!")
        case ast.Expr(value=ast.Call()):
            yield "the call is left out", _set("value", ast.Constant(None))
        case ast.Raise(exc=ast.AST()):
            yield "nothing is raised", _become_pass
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield "None is returned", _set("value", ast.Constant(None))


class _Change:
    """What is done to the place in the tree."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value

    def __call__(self, node: ast.AST) -> None:
        setattr(node, self.name, copy.deepcopy(self.value))


def _set(name: str, value: object) -> _Change:
    return _Change(name, value)


class _Passing(_Change):
    def __call__(self, node: ast.AST) -> None:
        node.__class__ = ast.Expr  # type: ignore[assignment]
        node.value = ast.Constant(None)  # type: ignore[attr-defined]


_become_pass = _Passing("", None)


def _named(op: ast.AST) -> str:
    return f"{_SIGNS[type(op)]} is {_SIGNS[_OTHER[type(op)]]}"


def _is_text(node: ast.AST) -> bool:
    """Words put together, or taken apart with %."""
    sides = [getattr(node, side, None) for side in ("left", "right", "value")]
    return any(isinstance(side, ast.JoinedStr) or _is_str(side) for side in sides)


def _is_str(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None

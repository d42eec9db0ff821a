"""Where a fault goes: into the code of a function that is already imported, wherever its name was taken to."""

import gc
import importlib
from types import CodeType, FunctionType
from typing import Any

from portal.testing.mutation.faults import Fault


def function_of(module: str, name: str) -> FunctionType | None:
    """None for what is not there as a function, as the methods that a dataclass writes anew."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, type) else getattr(found, part, None)
    found = getattr(found, "fget", found) if isinstance(found, property) else found
    found = getattr(found, "func", found)  # a cached property
    found = getattr(found, "__func__", found)  # a class method
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found if isinstance(found, FunctionType) else None


def codes_of(code: CodeType) -> list[CodeType]:
    """A function's and those inside of it."""
    return [code, *(inner for one in code.co_consts if isinstance(one, CodeType) for inner in codes_of(one))]


def plant(fault: Fault) -> bool:
    """False where it does not fit: what it left out held a variable of the function around it."""
    function, code = function_of(fault.module, fault.function), fault.code()
    if function is None or code is None or function.__code__.co_freevars != code.co_freevars:
        return False
    before, function.__code__ = function.__code__, code
    _renew_inner(before, code)
    for value in vars(importlib.import_module(fault.module)).values():
        if hasattr(value, "cache_clear"):  # what the function answered before
            value.cache_clear()
    return True


def _renew_inner(before: CodeType, after: CodeType) -> None:
    """Functions that it has made already, as a decorator makes them, keep the code they were made of."""
    old = {id(code): _name_of(code) for code in codes_of(before)[1:]}
    new = {_name_of(code): code for code in codes_of(after)[1:]}
    for one in gc.get_objects() if old else ():
        if isinstance(one, FunctionType) and id(one.__code__) in old:
            code = new.get(old[id(one.__code__)])
            if code and code.co_freevars == one.__code__.co_freevars:
                one.__code__ = code


def _name_of(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno

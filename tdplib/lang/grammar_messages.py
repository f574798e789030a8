"""What a Python programmer may try that is not kernel Python, and what to write instead."""

from __future__ import annotations

__all__ = ["BUILTINS", "FIELD_TYPES", "OPERATORS", "REFUSED", "STRUCTS"]

STRUCTS = ("kvm_mmu_page", "kvm", "kvm_arch", "kvm_vcpu")
"""Structs a unit may extend."""

FIELD_TYPES = ("bool", "u8", "u16", "u32", "refcount_t", "atomic_t", "page")
"""Types a new field may have."""

_RETURN_CODE = "a return value and `if`: kernel functions return errors, nothing raises"
_LOOP = "a `for` loop over range(...), or over list_for_each_entry(...)"
_NO_TASKS = "a plain function: the scenario says which actors run it"
_FIELD = "a field of a struct (shared memory), or a parameter and `return`"
_SCALARS = "one local for each value; shared values are fields of a struct"
_TEXT = "a comment (#); the trace shows what happens"
_MEMORY = "nothing: a local dies with its call, a field stays"
_ASYNC = "plain code: every interleaving is explored already"

REFUSED: dict[str, tuple[str, str]] = {
    # statements
    "AsyncFunctionDef": ("async def", _NO_TASKS),
    "AsyncFor": ("async for", _LOOP),
    "AsyncWith": ("async with", "a lock and its unlock: read_lock(...) ... read_unlock(...)"),
    "Assert": ("assert", "WARN_ON_ONCE(condition), true when something is wrong"),
    "Delete": ("del", _MEMORY),
    "Global": ("global", "the constant's name without `global`; " + _FIELD),
    "Import": ("import inside the code", "`from ... import ...` at the top of the unit"),
    "ImportFrom": ("an import inside a function", "the `from` line at the top of the unit"),
    "Match": ("match", "if / elif / else"),
    "Nonlocal": ("nonlocal", _FIELD),
    "Raise": ("raise", _RETURN_CODE),
    "Try": ("try", _RETURN_CODE),
    "TryStar": ("try", _RETURN_CODE),
    "TypeAlias": ("a type alias", "nothing: locals have no declared type"),
    "With": ("with", "a lock and its unlock: read_lock(...) ... read_unlock(...)"),
    # expressions
    "Await": ("await", _ASYNC),
    "Dict": ("a dict", _SCALARS),
    "DictComp": ("a dict comprehension", _LOOP),
    "FormattedValue": ("an f-string", _TEXT),
    "GeneratorExp": ("a generator expression", _LOOP),
    "IfExp": ("`a if condition else b`", "an if / else statement"),
    "Interpolation": ("a template string", _TEXT),
    "JoinedStr": ("an f-string", _TEXT),
    "Lambda": ("a lambda", "a def at the top of the unit"),
    "List": ("a list", _SCALARS),
    "ListComp": ("a list comprehension", _LOOP),
    "NamedExpr": ("`:=`", "an assignment in a line of its own"),
    "Set": ("a set", _SCALARS),
    "SetComp": ("a set comprehension", _LOOP),
    "Slice": ("a slice", "one entry: root.spt[i]"),
    "Starred": ("`*`", "every value by itself"),
    "TemplateStr": ("a template string", _TEXT),
    "Tuple": ("several values at once", _SCALARS),
    "Yield": ("yield", "`return`; every step is explored already"),
    "YieldFrom": ("yield from", "`return`; every step is explored already"),
}
"""Type of the syntax node -> what it is called, what to write instead."""

OPERATORS: dict[str, tuple[str, str]] = {
    "Div": ("`/`", "`//`: there are only integers"),
    "MatMult": ("`@`", "`*`"),
    "Pow": ("`**`", "a shift (1 << n), or a product"),
}
"""Type of the operator -> what it is called, what to write instead."""

_NO_PRINT = "nothing: the trace shows every value that is read or written"
_NO_CODE = "the code itself: nothing here is executed by Python"
_NO_NAMES = "the field by its name: root.role.invalid"
_NO_TYPES = "nothing: a local has one kind all through its function"
_NO_LISTS = "locals, or a loop over list_for_each_entry(...)"
_NO_INPUT = "a parameter: the scenario gives the arguments"

BUILTINS: dict[str, str] = {
    "__import__": _NO_CODE,
    "abs": "if / else",
    "all": "a loop with `break`",
    "any": "a loop with `break`",
    "bool": "the value itself: 0 is false, all else is true",
    "breakpoint": "nothing: step through it in the Interleaver",
    "compile": _NO_CODE,
    "delattr": _NO_NAMES,
    "dict": _NO_LISTS,
    "dir": _NO_NAMES,
    "enumerate": "a counter of your own",
    "eval": _NO_CODE,
    "exec": _NO_CODE,
    "exit": "`return`",
    "filter": "a loop with `if`",
    "float": "an integer",
    "getattr": _NO_NAMES,
    "globals": _NO_NAMES,
    "hasattr": _NO_NAMES,
    "id": "`==` or `is None`, which compare pointers",
    "input": _NO_INPUT,
    "int": "the value itself: there are only integers",
    "isinstance": _NO_TYPES,
    "iter": "`for root in list_for_each_entry(...)`",
    "len": "a count of your own; a table has PT_ENTRIES entries",
    "list": _NO_LISTS,
    "locals": _NO_NAMES,
    "map": "a loop",
    "next": "list_next_or_null_rcu(head, root)",
    "open": "nothing: the model has no files",
    "pow": "a shift (1 << n), or a product",
    "print": _NO_PRINT,
    "quit": "`return`",
    "repr": _NO_PRINT,
    "reversed": "range with a step of -1",
    "round": "an integer",
    "set": _NO_LISTS,
    "setattr": _NO_NAMES,
    "sorted": "a loop over the list: its order is part of the protocol",
    "str": _NO_PRINT,
    "sum": "a loop that adds up",
    "super": "the function by its name",
    "tuple": _NO_LISTS,
    "type": _NO_TYPES,
    "vars": _NO_NAMES,
    "zip": "range(n) as a common index",
}
"""Name of a function of Python's own -> what to write instead."""

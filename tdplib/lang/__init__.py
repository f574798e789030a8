"""
Kernel Python: the language every protocol is written in. `REFERENCE.md` says what it means.

errors.py
    `LanguageError`: file, line, column, what was found, what to write instead.
source.py
    `Unit`: a piece of source with its syntax tree, from a function, a text or a file.
parsing.py
    The limits, and Python's parser.
grammar.py, grammar_expressions.py, grammar_messages.py
    `check_unit`: refuses whatever syntax is not in the language.
kernel.py
    A documented stub for every primitive and constant, for completion and hover help.
symbols.py, world.py, lower.py, expressions.py, calls.py, flow.py, ir.py
    The compiler: names and kinds, stacked units, step programs.

Importing this package imports none of them.
"""

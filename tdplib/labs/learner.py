"""
What a learner calls in a notebook: `exercise(...)` with `check` and `hint`, and `predict`.

Each of these records what was done in the learner's own progress file (`tdplib.labs.progress`).
"""

from __future__ import annotations

from typing import Any

from tdplib.labs import progress
from tdplib.labs.exercise import Exercise, Question, find_exercise, find_question
from tdplib.labs.hints import pointer
from tdplib.labs.judge import judge
from tdplib.labs.report import NOT_ATTEMPTED, Report

__all__ = ["Note", "Task", "exercise", "glossary", "predict"]


class Note:
    """A piece of Markdown that reads well as plain text too."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


class Task:
    """
    One exercise in the learner's hands.

    >>> from tdplib import labs
    >>> labs.exercise("lab07.ex1").record.points > 0
    True
    """

    def __init__(self, record: Exercise) -> None:
        self.record = record
        self._last: Report | None = None
        self._asked = False

    def check(self, code: Any) -> Report:
        """
        Explore every interleaving of `code`, record the attempt and return the `Report`.

        The untouched stub is no attempt: running a whole notebook leaves no trace of it.

        `code` is your function; with helpers of your own, a list: ``[helper, function]``. Where a
        schedule is asked for, it is its code.
        """
        report = judge(self.record, code)
        if report.status != NOT_ATTEMPTED:
            best = report.score.yours if report.score and report.score.par else None
            progress.note_attempt(self.record.id, report.status, best)
        self._last = report
        return report

    def preview(self, code: Any) -> Report:
        """Return the `Report` that `check` would give, and record nothing."""
        return judge(self.record, code)

    def hint(self) -> Note:
        """
        Return the next hint and record that it was used.

        There are three stages. If your last check was wrong, each comes with a pointer into its
        trace: which step to look at, then what was done there, then what the machine looked like.
        After the third the pointer alone is left.
        """
        stages = self.record.hints
        used = progress.exercise_record(self.record.id).get("hints", 0)
        look = pointer(self._last, used + 1)
        if used < len(stages):
            progress.note_hint(self.record.id, used + 1)
            text = f"**Hint {used + 1} of {len(stages)}.** {stages[used].strip()}"
            return Note(text if look is None else f"{text}\n\n{look}")
        return Note(self._all_hints() if look is None else look)

    def _all_hints(self):
        stages = "\n".join(f"{k}. {text.strip()}" for k, text in enumerate(self.record.hints, 1))
        return (
            f"You have had all hints of {self.record.id}:\n\n{stages}\n\nRun the check: after "
            "a wrong answer, `hint()` points into your own trace."
        )

    def solution(self) -> Note:
        """
        Return the reference answer; the first call only says that looking at it is recorded.

        Once your own answer is right, or you have looked before, it is shown at once.
        """
        entry = progress.exercise_record(self.record.id)
        if not (self._asked or "solution" in entry or "right_since" in entry):
            self._asked = True
            left = len(self.record.hints) - entry.get("hints", 0)
            hints = f" There are {left} hints you have not seen: `hint()`." if left else ""
            return Note(
                f"The solution of {self.record.id} is one call away. That you looked at it will be "
                f"recorded in your own progress file.{hints} To see it, call `solution()` again."
            )
        text = reference_text(self.record)
        if text is None:
            return Note(
                "There is no solution in this copy of the course: the folder `solutions/` is "
                "missing. It is part of the repository of tdplib."
            )
        progress.note_solution(self.record.id)
        return Note(f"**The solution of {self.record.id}.**\n\n```python\n{text.strip()}\n```")

    def __repr__(self) -> str:
        return statement(self.record)

    def _repr_markdown_(self) -> str:
        return statement(self.record)


def glossary(word: str | None = None) -> Note:
    """
    Return what a short name of the course means; without one, all of them.

    >>> print(glossary("gfn"))                          # doctest: +ELLIPSIS
    **gfn**: Guest frame number: the number of a page of guest memory...
    """
    from tdplib.words.glossary import find, page_text

    return Note(page_text() if word is None else str(find(word)))


def exercise(name: str) -> Task:
    """Return the exercise with id `name`, e.g. ``"lab07.ex1"``, ready to be checked."""
    return Task(find_exercise(name))


def predict(name: str, answer: str | None = None) -> Note:
    """
    Record `answer` to the prediction question `name`, then show what is right and why.

    Without an answer it shows the question. Only the first answer counts: what you thought before
    you knew is what you learn from.
    """
    question = find_question(name)
    if answer is None:
        return Note(question_text(question))
    letter = answer.strip().lower()
    letters = ", ".join(question.choices)
    if not letter:
        return Note(f"_{name}: no answer yet. Put one of {letters} between the quotes._")
    if letter not in question.choices:
        return Note(f"{name} has the answers {letters}; found {answer!r}. Nothing is recorded.")
    entry = progress.note_answer(name, letter, letter == question.answer)
    return Note(_revealed(question, entry.get("answer", letter)))


def _revealed(question, first):
    """What is shown once the `first` answer stands."""
    said = f"Your prediction for {question.id}: **{first}**"
    verdict = "right." if first == question.answer else f"the answer is **{question.answer}**."
    return f"{said}; {verdict}\n\n{question.reveal}"


def reference_text(record: Exercise) -> str | None:
    """Return the reference answer as the source has it; None where the sources are not there."""
    from tdplib.labs.exercise import LabError, load_lab

    try:
        from tdplib.labs.build import reference_answers
        from tdplib.labs.sources import read_source

        source = read_source(load_lab(record.id.partition(".")[0]))
    except (LabError, ImportError):
        return None
    return reference_answers(source)[record.id]


def statement(record: Exercise) -> str:
    """Return the statement card of an exercise, as Markdown."""
    points = f"{record.points} point{'s' if record.points != 1 else ''}"
    return (
        f"**Exercise {record.id}: {record.title}** "
        f"({record.difficulty}, about {record.minutes} minutes, {points})\n\n"
        f"*You will be able to:* {record.objective}\n\n"
        f"{record.statement.strip()}\n\n"
        f"*In the kernel:* {record.kernel}"
    )


def question_text(question: Question) -> str:
    """Return a prediction question with its choices, as Markdown."""
    choices = "\n".join(f"- **{letter}**: {text}" for letter, text in question.choices.items())
    return f"**Predict {question.id}.** {question.ask.strip()}\n\n{choices}"

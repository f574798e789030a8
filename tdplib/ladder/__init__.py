"""
The ladder: a game in two halves, through the seeded bugs and the slips from the record.

*Break it*: given a wrong version, find a schedule that breaks it, in as few steps as you can.
*Save it*: given the same version, change a line of it so that no schedule breaks it any more.

`levels` and `level` are the data, `par` is what the search finds, `score` compares a schedule with
it, `save` judges a change, `best` is what was reached so far. `tdplib.widgets.BreakIt` and `SaveIt`
are the board to it; `tdplib ladder` and `tdplib play --level N` do without a browser.

Examples
--------
>>> best = par(1)
>>> best.steps, best.switches
(7, 2)
"""

from .bests import best, bests, bests_path, note_save, note_score, saved_lines, saves
from .level import Level, SaveTask, level, levels
from .play import Play
from .saving import Saved, given, save
from .scoring import Par, Score, par, score, so_far, stars_text

__all__ = [
    "Level",
    "Par",
    "Play",
    "SaveTask",
    "Saved",
    "Score",
    "best",
    "bests",
    "bests_path",
    "given",
    "level",
    "levels",
    "note_save",
    "note_score",
    "par",
    "save",
    "saved_lines",
    "saves",
    "score",
    "so_far",
    "stars_text",
]

"""
The names of kernel Python, for the editor: ``from tdplib.lang.kernel import *``.

Completion and hover help find here what `REFERENCE.md` gives a meaning: a stub for every
primitive, and the constants. Kernel Python is read and explored, never executed, so that calling
a stub is an error. In the docstrings

Visible
    says that the primitive acts on shared memory: one step that other actors can tell apart,
Private
    that it does not,
Can block
    that the actor may have to wait, and for what.
"""

from . import atomics, constants, locks, model, rcu, work
from ._stub import NotExecutedError
from .atomics import *  # noqa: F403
from .constants import *  # noqa: F403
from .locks import *  # noqa: F403
from .model import *  # noqa: F403
from .rcu import *  # noqa: F403
from .work import *  # noqa: F403

__all__ = ["NotExecutedError"]
__all__ += atomics.__all__
__all__ += constants.__all__
__all__ += locks.__all__
__all__ += model.__all__
__all__ += rcu.__all__
__all__ += work.__all__

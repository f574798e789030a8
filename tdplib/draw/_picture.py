"""What every drawing returns: an SVG with its text alternative, shown by a notebook."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """An SVG that a notebook shows by itself, also where the notebook is not trusted."""

    svg: str
    alternative: str
    """The picture in one sentence, for who cannot see it."""
    text: str = ""
    """The same at length, for a terminal; where there is none, the sentence stands for it."""

    def save(self, path: str | Path) -> Path:
        """Write the SVG to `path` and return it."""
        path = Path(path)
        path.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # As an <img>: JupyterLab shows no plain SVG of a notebook that is not trusted.
        code = base64.b64encode(self.svg.encode()).decode()
        image = f'<img alt="{_attribute(self.alternative)}" src="data:image/svg+xml;base64,{code}">'
        return {"text/html": image, "text/plain": self.text or self.alternative}

    def __repr__(self) -> str:
        return self.text or f"<Picture: {self.alternative}>"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")

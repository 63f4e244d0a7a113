"""Lets scorers use what models are made of: import this first."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "models"))

from muster_model import serve  # noqa: E402

__all__ = ["serve"]

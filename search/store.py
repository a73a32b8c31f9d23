"""Where results go when nothing is said."""

from __future__ import annotations

import os
from pathlib import Path


def default_store() -> Path:
    """``ASSAY_STORE``, or ``assay-results`` in the current folder."""
    return Path(os.environ.get("ASSAY_STORE") or "assay-results").expanduser()

"""What stored predictions tell of a model's mistakes."""

from .diagnose import PARTS, diagnose
from .diagnosis import (
    Calibration,
    CalibrationBin,
    ClassRow,
    Diagnosis,
    Estimate,
    Gap,
    GroupRow,
    Groups,
    ResidualBin,
    Residuals,
    WorstExample,
)

__all__ = [
    "PARTS",
    "Calibration",
    "CalibrationBin",
    "ClassRow",
    "Diagnosis",
    "Estimate",
    "Gap",
    "GroupRow",
    "Groups",
    "ResidualBin",
    "Residuals",
    "WorstExample",
    "diagnose",
]

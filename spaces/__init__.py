"""What may be tried: parameters, conditions, spaces, objectives and fidelity."""

from .categorical import Categorical
from .config import Config, Value, flatten
from .constant import Constant
from .encoding import Encoding
from .errors import (
    AssayError,
    ClusterError,
    DamagedFileError,
    NoResultError,
    NotFoundError,
    Problem,
    SpaceError,
    SweepError,
    SweepExistsError,
    SweepInterrupted,
    TrainableError,
    UsageError,
    did_you_mean,
    one_of,
)
from .expression import Expression
from .fidelity import Fidelity
from .float import Float
from .integer import Integer
from .notation import parse_parameter
from .objective import SCORERS, Goal, Limit, Objective
from .parameter import Condition, Parameter
from .presets import preset
from .scale import Prior
from .space import Space

__all__ = [
    "SCORERS",
    "AssayError",
    "Categorical",
    "ClusterError",
    "Condition",
    "Config",
    "Constant",
    "DamagedFileError",
    "Encoding",
    "Expression",
    "Fidelity",
    "Float",
    "Goal",
    "Integer",
    "Limit",
    "NoResultError",
    "NotFoundError",
    "Objective",
    "Parameter",
    "Prior",
    "Problem",
    "Space",
    "SpaceError",
    "SweepError",
    "SweepExistsError",
    "SweepInterrupted",
    "TrainableError",
    "UsageError",
    "Value",
    "did_you_mean",
    "flatten",
    "one_of",
    "parse_parameter",
    "preset",
]

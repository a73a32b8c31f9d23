"""Model spaces of NNI as spaces of Assay, and configs back to networks. Only here and in search/nas NNI is known."""

from .fixes import nni, with_tianshou
from .hub import HUB
from .model_space_architecture import ModelSpaceArchitecture
from .model_translation import ModelTranslation

__all__ = ["HUB", "ModelSpaceArchitecture", "ModelTranslation", "nni", "with_tianshou"]

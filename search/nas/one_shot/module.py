"""How the supernet's weights are trained, as Lightning and NNI want it. Loaded only where a supernet is trained."""

from __future__ import annotations

from typing import Any

import torch
from nni.nas.evaluator.pytorch import LightningModule

from .data import Data

_MOMENTUM = 0.9  # Liu et al., DARTS, section 3.1.1
_ALTERNATING = ("darts", "gumbel_darts", "proxyless")
"""Strategies under which NNI gives steps of the architecture even numbers, and steps of the weights odd ones."""


class Recipe(LightningModule):  # type: ignore[misc]  # NNI has no types
    """SGD with momentum and cosine decay, on the user's loss.

    Attributes:
        losses: of the weights' steps since the last call of :meth:`mean_loss`.
    """

    def __init__(self, data: Data, options: dict[str, Any]) -> None:
        super().__init__()
        self._data = data
        self._options = options
        self._alternates = options["strategy"] in _ALTERNATING
        self.losses: list[torch.Tensor] = []

    def forward(self, inputs: Any) -> Any:
        return self.model(inputs)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        inputs, targets = batch
        loss = self._data.loss(self(inputs), targets)
        if not self._alternates or batch_idx % 2 == 1:
            self.losses.append(loss.detach())
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """A batch on the path that is chosen; the score is ENAS's reward."""
        inputs, targets = batch
        with torch.no_grad():
            self.log("default", float(self._data.score(self(inputs), targets)), on_step=True, on_epoch=False)

    def configure_optimizers(self) -> dict[str, Any]:
        rate, decay = self._options["learning_rate"], self._options["weight_decay"]
        optimizer = torch.optim.SGD(self.parameters(), lr=rate, momentum=_MOMENTUM, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self._options["epochs"])
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_after_backward(self) -> None:
        """Clip the weights' gradient. NNI calls it under every strategy, and clips by itself under DARTS alone."""
        limit = self._options["gradient_clip"]
        if limit is not None:
            weights = [one for group in self.trainer.optimizers[0].param_groups for one in group["params"]]
            torch.nn.utils.clip_grad_norm_(weights, limit)

    def mean_loss(self) -> float:
        """Since the last call."""
        losses, self.losses = self.losses, []
        return float(torch.stack(losses).mean())

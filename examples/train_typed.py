"""Settings as a Pydantic model: it is the search space, and what the training function receives.

python examples/train_typed.py
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

import assay

X, y = load_breast_cancer(return_X_y=True)


class Constant(BaseModel):
    kind: Literal["constant"] = "constant"


class Falling(BaseModel):
    kind: Literal["invscaling"] = "invscaling"
    power: Annotated[float, "uniform(0.1, 0.9)"] = 0.5


class Settings(BaseModel):
    eta: Annotated[float, assay.Float(1e-5, 1e-1, log=True)] = 1e-3
    penalty: Literal["l2", "l1", "elasticnet"] = "l2"
    alpha: Annotated[float, "loguniform(1e-6, 1e-1)"] = 1e-4
    average: bool = False
    schedule: Constant | Falling = Field(Constant(), discriminator="kind")


def train(config: Settings, trial):
    data = trial.split(X, y)
    scale = StandardScaler().fit(data.x_train)
    model = SGDClassifier(
        loss="log_loss",
        learning_rate=config.schedule.kind,
        eta0=config.eta,
        power_t=config.schedule.power if isinstance(config.schedule, Falling) else 0.5,
        penalty=config.penalty,
        alpha=config.alpha,
        average=config.average,
        random_state=trial.seed,
    )
    trial.save_predictions(lambda x: model.predict_proba(scale.transform(x)))
    for _ in trial.steps():
        model.partial_fit(scale.transform(data.x_train), data.y_train, classes=data.classes)
        yield {"accuracy": model.score(scale.transform(data.x_val), data.y_val)}


def main(trials: int = 40, **options: Any) -> None:
    sweep = assay.Sweep(
        name="typed",
        objectives=[{"metric": "accuracy", "goal": "maximize"}],
        parameters=assay.Space.of(Settings),
        scheduler="asha",
        fidelity={"unit": "epoch", "max": 9},
        budget={"trials": trials},
        leaderboard={"top": 2, "seeds": 2},
    )
    results = assay.run(sweep, train, **options)
    print(results.leaderboard().headline)
    print(Settings.model_validate(results.best_config))


if __name__ == "__main__":
    main(resume=True)

"""A training function of your own, as a generator: one report per epoch."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

X, y = load_breast_cancer(return_X_y=True)


def train(config, trial):
    data = trial.split(X, y)  # train and validation; the test part stays sealed
    scale = StandardScaler().fit(data.x_train)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", random_state=trial.seed, **config)
    trial.save_predictions(lambda x: model.predict_proba(scale.transform(x)))  # for ensembles and the sealed test
    for _ in trial.steps():
        model.partial_fit(scale.transform(data.x_train), data.y_train, classes=data.classes)
        yield {"accuracy": model.score(scale.transform(data.x_val), data.y_val)}

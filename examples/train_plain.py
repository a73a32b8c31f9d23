"""The same as a plain function: call trial.report() where you would have printed the metric."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

X, y = load_breast_cancer(return_X_y=True)


def train(config, trial):
    data = trial.split(X, y)
    scale = StandardScaler().fit(data.x_train)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", random_state=trial.seed, **config)
    trial.save_predictions(lambda x: model.predict_proba(scale.transform(x)))
    for _ in trial.steps():
        model.partial_fit(scale.transform(data.x_train), data.y_train, classes=data.classes)
        trial.report(accuracy=model.score(scale.transform(data.x_val), data.y_val))

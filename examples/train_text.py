"""Real text that is on every machine with Assay: which part of SciPy is a function of, told from its summary line?

About 2,800 first paragraphs of docstrings, ten classes. Nothing is downloaded; SciPy's files are read, not run.
"""

import ast
from functools import cache
from pathlib import Path

import numpy as np
import scipy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

PARTS = ["fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial", "stats"]


@cache
def summaries() -> tuple[np.ndarray, np.ndarray]:
    """Texts and the names of their parts, each text once; shape (n,) both."""
    found = {}
    for part in PARTS:
        for file in sorted(Path(scipy.__file__).parent.joinpath(part).rglob("*.py")):
            if "tests" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                    summary = " ".join(text.split("\n\n")[0].split())
                    found.setdefault(summary, part)
    return np.array(list(found)), np.array(list(found.values()))


def build(config):
    """Weighted counts of words or of pieces of words, and a model on them."""
    words = {"word": (1, 2), "char_wb": (2, 4)}[config["analyzer"]]
    counts = TfidfVectorizer(
        analyzer=config["analyzer"], ngram_range=words, sublinear_tf=config["sublinear"], max_features=20_000
    )
    match config["model"]:
        case "logistic":
            return make_pipeline(counts, LogisticRegression(C=config["C"], max_iter=300))
        case "naive_bayes":
            return make_pipeline(counts, MultinomialNB(alpha=config["alpha"]))
        case "neighbors":
            near = KNeighborsClassifier(config["neighbors"], weights="distance", metric="cosine")
            return make_pipeline(counts, near)


def train(config, trial):
    texts, parts = summaries()
    data = trial.split(texts, parts)
    model = build(config).fit(data.x_train, data.y_train)
    trial.save_predictions(model.predict_proba)
    probabilities = model.predict_proba(data.x_val)
    return {
        "log_loss": log_loss(data.y_val, probabilities, labels=model.classes_),
        "accuracy": model.score(data.x_val, data.y_val),
    }

"""Architecture search: strategies of NNI on the engine, one-shot training, what is not worth training."""

"""One-shot search: one supernet is trained, which holds all networks; the best of them are trained from scratch."""

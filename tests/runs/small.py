"""The base of runs that take seconds, on a data set of a third party."""

BASE = {
    "train.epochs": 2,
    "train.batch_size": 8,
    "model.hidden": (8,),
    "model.latent_dim": 3,
    "data.name": "tests.third_party.blobs:make",
    "data.labelled_count": 12,
    "loss.name": "supcon",
    "prior.pseudo_inputs": 4,
}

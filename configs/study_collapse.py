r"""Why did every model with a prior collapse to chance? MNIST, 6,000 labels, four dimensions.

    python -m experiments.grid --config=configs/study_collapse.py \
        --data_dir=DATA --workdir=runs/study_collapse

Tables 6.3 to 6.5 of the thesis show `dml_prior` and `mvae` at 0.10. This study starts from the
systems as the thesis has them, and changes one thing at a time: a question each, three seeds. All
settings have 2,345 supervised steps (five epochs), whatever else they have: alternating by epoch or
by batch for ten epochs, jointly for five, one labelled to ten unlabelled batches for 55. Posterior
means are scored, and samples; the history has KL, |μ| and σ. What was not stated is in `thesis.py`.
Forty-five minutes on two CPU cores; expect chance of samples and 0.20 to 0.32 of means wherever the
KL has weight 1, and 0.96 with β = 0.1 on every step (kNN, `thesis`).
"""

import math
from typing import Any

from ml_collections import ConfigDict

from configs import thesis

Changes = dict[str, dict[str, Any]]  # name of a setting → what it changes in the base

QUICK = {"train.epochs": 2}
STDS = {"0.2": 0.2, "0.3": 0.3, "0.5": 0.5, "1": 1.0, "√e": math.sqrt(math.e)}

# changes of the base, `dml_prior` alternating by epoch
PRIOR: dict[str, Any] = {}
JOINT = {"routine.name": "joint", "train.epochs": 5}
ENDS_SUPERVISED = {"routine.first": "unsupervised"}
BY_BATCH = {"routine.every": "batch"}
ONE_TO_TEN = {**BY_BATCH, "routine.turns": (1, 10), "train.epochs": 55}
DML = {"system": "dml", "train.epochs": 5}
MVAE = {"system": "mvae"}
MEAN = {"reconstruction.reduction": "mean"}
MIXTURE = {"prior.name": "hypercube"}
HARD = {"loss.mining": "hard"}
MISALIGNED = {"data.name": "configs.misaligned:make"}
SAMPLE = {"embedding": "sample"}
WEAK = {"kl.beta": 0.1}  # so weak that the KL and triplets on every step do not collapse


def get_config() -> ConfigDict:
    """The base: `dml_prior` with a unit prior, alternating by epoch."""
    config = thesis.base("mnist")
    config.system = "dml_prior"
    config.data.labelled_count = 6000
    config.model.latent_dim = 4
    config.prior.name = None
    config.prior.component_std = 1.0
    config.prior.pseudo_inputs = 10
    config.eval.protocols = ("thesis",)
    config.eval.embeddings = ("mean", "sample")
    return config


def get_questions() -> dict[str, Changes]:
    """What is asked, and of which settings; the first is what the others are compared with."""
    betas = (0.1, 0.01, 1 / 784)
    weaker: Changes = {f"β = {beta:.2g}": {"kl.beta": beta} for beta in betas}
    asked: dict[str, Changes] = {
        "Does it matter what is scored? (3) Alternating": {
            "mean of the posterior": PRIOR,
            "sample": SAMPLE,
        },
        "What is scored, trained on every step (3)": {
            "mean of the posterior": JOINT,
            "sample": {**JOINT, **SAMPLE},
        },
        "Is the KL unopposed in unsupervised epochs? (1)": {
            "an unsupervised epoch last": PRIOR,
            "a supervised epoch last": ENDS_SUPERVISED,
            "without a prior (dml)": DML,
        },
        "Is it unopposed? (1) With β = 0.1": {
            "an unsupervised epoch last": WEAK,
            "a supervised epoch last": {**WEAK, **ENDS_SUPERVISED},
            "without a prior (dml)": DML,
        },
        "Is it the alternation by epochs? (4)": {
            "by epoch": PRIOR,
            "by batch": BY_BATCH,
            "on every step": JOINT,
        },
        "Is it the alternation by epochs? (4) With β = 0.1": {
            "by epoch": WEAK,
            "by batch": {**WEAK, **BY_BATCH},
            "on every step": {**WEAK, **JOINT},
        },
        "Are there too many unsupervised steps? (1) By batch": {
            "1 : 1": BY_BATCH,
            "1 : 10": ONE_TO_TEN,
        },
        "Are there too many unsupervised steps? (1) By batch, with β = 0.1": {
            "1 : 1": {**WEAK, **BY_BATCH},
            "1 : 10": {**WEAK, **ONE_TO_TEN},
            "1 : 10, as much KL as 1 : 1": {**ONE_TO_TEN, "kl.beta": 0.1 * 2 / 11},
            "1 : 1, as much KL as 1 : 10": {**BY_BATCH, "kl.beta": 0.1 * 11 / 2},
        },
        "Is the KL too strong? Alternating": {"β = 1": PRIOR, **weaker},
        "Is the KL too strong? On every step": {
            "β = 1": JOINT,
            **{name: {**JOINT, **one} for name, one in weaker.items()},
        },
        "Does reconstruction oppose it? (2) mvae, alternating": {
            "mean over pixels, β = 1": {**MVAE, **MEAN},
            **{f"mean, {name}": {**MVAE, **MEAN, **one} for name, one in weaker.items()},
            "sum over pixels, β = 1": MVAE,
        },
        "Does reconstruction oppose it? (2) mvae, on every step": {
            "mean over pixels, β = 1": {**MVAE, **MEAN, **JOINT},
            "mean, β = 0.0013": {**MVAE, **MEAN, **JOINT, "kl.beta": betas[-1]},
            "sum over pixels, β = 1": {**MVAE, **JOINT},
        },
        "Does a mixture need modes? (5) Alternating": {
            f"s = {name}": {**MIXTURE, "prior.component_std": std}
            for name, std in reversed(STDS.items())
        },
        "Does a mixture need modes? (5) On every step": {
            f"s = {name}": {**MIXTURE, **JOINT, "prior.component_std": std}
            for name, std in reversed(STDS.items())
        },
        "Does a mixture need modes? (5) Alternating, with β = 0.1": {
            f"s = {name}": {**WEAK, **MIXTURE, "prior.component_std": STDS[name]}
            for name in ("1", "0.5", "0.2")
        },
        "Does a mixture need modes? (5) On every step, with β = 0.1": {
            f"s = {name}": {**WEAK, **MIXTURE, **JOINT, "prior.component_std": STDS[name]}
            for name in ("1", "0.5", "0.2")
        },
        "Is it Algorithm 4 as printed? (6)": {
            "the KL": MIXTURE,
            "sign put right, unnormalised": {**MIXTURE, "kl.name": "unnormalised"},
            "as printed": {**MIXTURE, "kl.name": "printed"},
        },
        "Is the metric loss on a sample? On every step": {
            "on a sample": JOINT,
            "on the mean": {**JOINT, "loss.on": "mean"},
        },
        "Does the metric loss collapse? (7) dml": {
            "all triplets": DML,
            "hard triplets": {**DML, **HARD},
        },
        "Does the metric loss collapse? (7) On every step": {
            "all triplets": JOINT,
            "hard triplets": {**JOINT, **HARD},
        },
        "Are images and labels misaligned? (8) dml": {
            "as they are": DML,
            "test labels shuffled": {**DML, **MISALIGNED},
        },
    }
    for dims in (10, 2):
        latent = {"model.latent_dim": dims}
        asked[f"Is it mended? {dims} dimensions"] = {
            "dml_prior, alternating": latent,
            "dml_prior, on every step, β = 0.01": {**JOINT, "kl.beta": 0.01, **latent},
            "mvae, on every step, α = 0.05": {**MVAE, **JOINT, "routine.alpha": 0.05, **latent},
            "dml": {**DML, **latent},
        }
    return asked


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Every setting that is asked about, three seeds each."""
    asked = [setting for settings in get_questions().values() for setting in settings.values()]
    return tuple(
        {**{path: (value,) for path, value in one.items() if path != "embedding"}, **seeds}
        for one, seeds in ((one, thesis.seeds(range(3))) for one in asked)
    )

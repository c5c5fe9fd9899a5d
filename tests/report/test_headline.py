"""What came out, in sentences."""

import pytest

from jaxdml.report.headline import headline
from jaxdml.report.tables.summary import Measure

ACCURACY = Measure("labelled", "knn", "mean", "accuracy")
PATHS = ["system", "data.labelled_count", "seed"]


def results(baseline=False, **values):
    """A result for each seed of each setting, `few_60=(0.9, 0.8)`."""
    return [
        {
            "point": f"{name}{seed}",
            "status": "ok",
            "baseline": baseline,
            "config": {
                "system": name.split("_")[0],
                "data.labelled_count": int(name.split("_")[1]),
                "seed": seed,
            },
            "scores": [ACCURACY._asdict() | {"value": value}],
        }
        for name, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"few_60": (0.9, 0.91, 0.89), "dml_60": (0.6, 0.62, 0.59), "ae_60": (0.5, 0.51, 0.5)},
            "better than 2 others",
        ),
        (
            {"few_60": (0.9, 0.91, 0.89), "dml_60": (0.6, 0.62, 0.59), "ae_60": (0.9, 0.905, 0.89)},
            "better than 1 of 2 others; not told apart from ae",
        ),
        (
            {"few_60": (0.9, 0.8, 0.7), "dml_60": (0.7, 0.9, 0.6)},
            "the highest, but not told apart from any of 1 other",
        ),
        ({"few_60": (0.9, 0.8), "dml_60": (0.7, 0.75)}, "the highest of 2, and nothing is tested"),
    ],
)
def test_the_best_setting_is_named_with_what_the_test_says(values, expected):
    [sentence] = headline(results(**values), [], PATHS, ACCURACY, {})
    mean = sum(values["few_60"]) / len(values["few_60"])
    seeds = len(values["few_60"])
    start = f"60 labels: few has labelled kNN accuracy {mean:.3f}, {seeds} seeds; "
    assert sentence == f"{start}{expected}."


def test_there_is_a_sentence_for_each_number_of_labels_with_pixels_beside():
    trained = results(few_60=(0.5,), few_600=(0.75,))
    baselines = results(baseline=True, pixels_60=(0.25,), pca_60=(0.3,), pixels_600=(0.5,))
    assert headline(trained, baselines, PATHS, ACCURACY, {}) == [
        "60 labels: few has labelled kNN accuracy 0.500, 1 seed; without a network, pixels 0.250 "
        "and pca 0.300.",
        "600 labels: few has labelled kNN accuracy 0.750, 1 seed; without a network, pixels 0.500.",
    ]


def test_of_many_numbers_of_labels_the_first_are_told():
    trained = results(**{f"few_{count}": (0.5,) for count in range(1, 10)})
    sentences = headline(trained, [], PATHS, ACCURACY, {})
    assert len(sentences) == 7
    assert sentences[-1] == "The table has 3 more."


def test_a_share_of_the_labels_is_called_so():
    trained = results(few_60=(0.5,))
    trained[0]["config"]["data.labelled_percent"] = 10.0
    [sentence] = headline(trained, [], ["system", "data.labelled_percent"], ACCURACY, {})
    assert sentence.startswith("10 % of the labels: few has ")


def test_it_is_said_what_the_network_had_that_a_training_began_with():
    trained = results(few_60=(0.9, 0.8))
    parents = {
        result["point"]: parent | {"labelled": 20}
        for result, parent in zip(trained, results(few_20=(0.5, 0.7)), strict=True)
    }
    [sentence] = headline(trained, [], PATHS, ACCURACY, parents)
    assert sentence == (
        "60 labels: few has labelled kNN accuracy 0.850, 2 seeds; "
        "the networks that its trainings began with had 0.600, with 20 labels."
    )
    [sentence] = headline(trained[:1], [], PATHS, ACCURACY, parents)
    assert "the network that its training began with had 0.500, with 20 labels" in sentence
    parents[trained[1]["point"]] = results(few_20=(0.5,))[0] | {"scores": []}
    assert "began" not in headline(trained, [], PATHS, ACCURACY, parents)[0]

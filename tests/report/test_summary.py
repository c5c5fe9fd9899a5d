import statistics

from jaxdml.report.tables import summary, table


def result(point, value, status="ok", reason=None, **config):
    scores = [
        {"protocol": "thesis", "classifier": "knn", "embedding": "mean", "metric": name, "value": v}
        for name, v in (("accuracy", value), ("ami", value / 2))
    ]
    return {
        "point": point, "status": status, "reason": reason, "config": config,
        "scores": scores if status == "ok" else [],
    }  # fmt: skip


def text_of(results, paths):
    [scores_table] = summary.tables(results, paths)
    return table.markdown(scores_table)


RESULTS = [
    result("a", 0.90, system="dml", seed=0),
    result("b", 0.94, system="dml", seed=1),
    result("c", 0.0, "diverged", "metric was not finite", system="dml", seed=2),
    result("d", 0.5, system="dml_ae", seed=0, **{"routine.alpha": 0.25}),
]
PATHS = ["system", "seed", "routine.alpha"]


def test_seeds_are_averaged_and_what_a_system_does_not_read_is_empty():
    text = text_of(RESULTS, PATHS)
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines()[:4]]
    spread = statistics.stdev([0.90, 0.94])
    assert cells[0] == ["system", "alpha", "n", "thesis kNN accuracy", "thesis kNN AMI"]
    assert cells[2][:4] == ["dml", "–", "2 of 3", f"0.920 ± {spread:.3f}"]
    assert cells[3] == ["dml_ae", "0.25", "1", "0.500", "0.250"]


def test_points_that_do_not_count_are_left_out_of_the_mean_visibly():
    note = "Left out of every mean:\n\n- c (system dml, seed 2): diverged, metric was not finite"
    assert note in text_of(RESULTS, PATHS)
    assert "Left out" not in text_of(RESULTS[:2], PATHS)


def test_a_setting_without_a_good_point_has_no_value():
    text = text_of(RESULTS[2:], PATHS)
    assert "| 0 of 1 |                   – |" in text


def test_columns_line_up_in_a_terminal():
    lines = text_of(RESULTS, PATHS).split("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_path_is_shortened_only_where_it_stays_clear():
    text = text_of(
        [result("a", 1.0, **{"data.name": "digits", "a.x": 1, "b.x": 2})],
        ["data.name", "a.x", "b.x"],
    )
    assert text.startswith("| data     | a.x | b.x |")


def test_a_score_that_only_some_points_have_says_how_many():
    fewer = result("b", 0.94, system="dml", seed=1)
    fewer["scores"] = fewer["scores"][:1]
    text = text_of([RESULTS[0], fewer], ["system", "seed"])
    assert "0.920 ± 0.028 | 0.450 (1 of 2) |" in text


def test_many_scores_are_a_table_for_each_protocol():
    results = [result("a", 0.9, system="dml", seed=0)]
    for protocol in ("labelled", "full", "cluster", "retrieval"):
        results[0]["scores"] += [
            score | {"protocol": protocol} for score in results[0]["scores"][:2]
        ]
    tables = summary.tables(results, PATHS)
    names = ("thesis", "labelled", "full", "cluster", "retrieval")
    assert [t.title for t in tables] == [f"Scores, {name}" for name in names]
    assert tables[1].heading == [
        "system",
        "alpha",
        "n",
        "labelled kNN accuracy",
        "labelled kNN AMI",
    ]


def test_every_mean_has_its_interval():
    all_scores = summary.every(RESULTS, PATHS)
    rows = [dict(zip(all_scores.heading, row, strict=True)) for row in all_scores.body]
    assert [row["n"] for row in rows] == ["2", "2", "1", "1"]
    assert rows[0] | {"average": "0.9200", "95 % from": "0.6659", "to": "1.1741"} == rows[0]
    assert rows[2]["to"] == "–"


def test_that_all_images_are_labelled_is_said():
    paths = ["data.labelled_percent"]
    results = [result("a", 0.9), result("b", 0.8, **{"data.labelled_percent": 10.0})]
    assert summary.names(summary.groups(results, paths)) == ["all labelled", "10 % labelled"]

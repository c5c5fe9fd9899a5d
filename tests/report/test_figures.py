import numpy as np
import pytest
from matplotlib.patches import Ellipse

from jaxdml.report.figures import curves, images, labels, latent, reliability, style
from jaxdml.report.tables.statistics import estimate


@pytest.fixture
def random():
    return np.random.default_rng(0)


def panel(random, prior=None):
    y = np.arange(40) % 11
    return latent.Panel(
        "a", "space", random.normal(size=(40, 2)), y, np.zeros((2, 2)), y[:2], prior
    )


def test_eleven_classes_are_told_apart_without_colour(random):
    figure = latent.draw([panel(random)], [f"class {i}" for i in range(11)])
    handles = figure.legends[0].legend_handles
    assert [text.get_text() for text in figure.legends[0].texts[:2]] == ["0 class 0", "1 class 1"]
    looks = {(h.get_marker(), h.get_color()) for h in handles[:11]}
    assert len(looks) == 11
    assert len({text.get_text() for text in figure.axes[0].texts}) == 11  # numbers at the medians


def test_of_many_classes_the_most_frequent_are_coloured_and_the_others_grey(random):
    y = np.concatenate([np.arange(1500), np.repeat(np.arange(1000, 1040), 2)])
    z = random.normal(size=(len(y), 2))
    figure = latent.draw(
        [latent.Panel("a", "space", z, y, z[:9], y[:9])], [f"c{i}" for i in range(1500)]
    )
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names[:2] == ["1000 c1000", "1001 c1001"]
    assert names[40:] == ["1,460 other classes", "labelled training image"]
    assert len({(h.get_marker(), h.get_color()) for h in figure.legends[0].legend_handles}) == 42
    assert len(figure.axes[0].texts) == 40
    assert len(figure.axes[0].collections) < 100  # what took most of a report's time


@pytest.mark.parametrize("panels", [1, 3])
def test_long_names_of_classes_are_readable(panels, random):
    names = [f"a class of thirty letters, {i:03d}" for i in range(10)] + ["W" * 200]
    figure = latent.draw([panel(random)] * panels, names)
    figure.draw_without_rendering()
    [legend] = figure.legends
    extent = legend.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= extent.y0
    assert extent.y1 < figure.axes[0].get_window_extent().y0
    texts = [text.get_text() for text in legend.texts]
    assert texts[:2] == ["0 a class of thirty letters, 000", "1 a class of thirty letters, 001"]
    assert texts[10] == f"10 {'W' * 39}…"


def test_the_prior_is_one_standard_deviation_of_each_component(random):
    covariance = np.array([[4.0, 0.0], [0.0, 1.0]])
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    prior = latent.Ellipses(np.array([[1.0, 2.0]]), (turn @ covariance @ turn.T)[None])
    figure = latent.draw([panel(random, prior)], [str(i) for i in range(11)])
    [ellipse] = [p for p in figure.axes[0].patches if isinstance(p, Ellipse)]
    edge = np.array([1.0, 2.0]) + 2.0 * turn[:, 0]  # one standard deviation along the wide axis
    outline = (
        ellipse.get_path().interpolated(50).transformed(ellipse.get_patch_transform()).vertices
    )
    assert np.abs(outline - edge).sum(axis=1).min() < 0.05
    assert max(ellipse.width, ellipse.height) == pytest.approx(4.0)
    assert min(ellipse.width, ellipse.height) == pytest.approx(2.0)


def test_a_phase_is_the_background_of_its_epochs_and_what_is_not_read_leaves_a_gap():
    losses = {"metric": np.array([[1.0, np.nan, 3.0], [3.0, np.nan, 1.0]])}
    setting = curves.Curves(
        "a", np.arange(1, 4), ["supervised", "unsupervised", "supervised"], losses
    )
    axis = curves.draw([setting]).axes[0]
    seed, _, mean = axis.lines
    assert seed.get_xdata().tolist() == [1, 3]
    assert mean.get_ydata().tolist() == [2.0, 2.0]
    first, second, third = (patch.get_facecolor() for patch in axis.patches)
    assert first == third != second
    assert curves.draw([setting._replace(epochs=np.array([1]))]) is None
    with_reconstruction = setting._replace(losses=losses | {"reconstruction": np.ones((2, 3))})
    without_reconstruction = setting._replace(
        losses=losses | {"reconstruction": np.full((2, 3), np.nan)}
    )
    panels = [
        axis
        for axis in curves.draw([without_reconstruction, with_reconstruction]).axes
        if axis.get_visible()
    ]
    assert [axis.get_ylabel() for axis in panels] == ["metric", "metric", "reconstruction"]


def test_validations_are_a_row_of_the_curves_and_a_single_one_is_seen():
    losses = {
        "metric": np.array([[1.0, 2.0, 3.0], [3.0, 2.0, np.nan]]),  # the second has stopped
        "validation": np.array([[np.nan, 0.5, 0.75], [np.nan, 0.7, np.nan]]),
    }
    setting = curves.Curves("a", np.arange(1, 4), ["joint"] * 3, losses)
    metric, validation = curves.draw([setting]).axes
    assert (metric.get_ylabel(), validation.get_ylabel()) == ("metric", "validation")
    *_, mean = validation.lines
    assert mean.get_xdata().tolist() == [2, 3]
    assert mean.get_ydata().tolist() == [0.6, 0.75]
    assert mean.get_marker() == "None"
    losses["validation"][:, 1] = np.nan
    *_, mean = curves.draw([setting]).axes[1].lines
    assert mean.get_marker() == "."


def test_images_lie_where_their_row_says_and_wrong_ones_are_framed():
    rows = [
        images.Row("a", np.full((2, 4, 4, 1), 255, np.uint8)),
        images.Row("b", np.zeros((3, 4, 4, 1)), np.array([False, False, True])),
    ]
    axis = images.rows(rows, ["x", "y", "z"]).axes[0]
    sheet = axis.images[0].get_array()
    assert sheet.shape == (9, 14)
    assert sheet[:4].min() == 1.0  # white, and nothing in the third place
    assert not sheet[5:, 10:].any()
    [frame] = axis.patches
    assert frame.get_xy() == (9.5, 4.5)
    assert [text.get_text() for text in axis.texts] == ["a", "b", "x", "y", "z"]


def test_a_line_goes_through_the_means_and_its_band_is_the_interval():
    line = {60.0: estimate([0.5, 0.7, 0.6]), 6.0: estimate([0.2, 0.4, 0.3])}
    figure = labels.draw({"accuracy": {"ae": line}, "other": {"ae": {6.0: line[6.0]}}}, "labels")
    [axis] = figure.axes  # a single number of labels is no line
    assert axis.lines[0].get_xdata().tolist() == [6.0, 60.0]
    assert axis.lines[0].get_ydata() == pytest.approx([0.3, 0.6])
    assert axis.collections[0].get_datalim(axis.transData).ymin == pytest.approx(line[6.0].low)
    pair = {at: estimate([0.5, 0.7]) for at in line}  # whose interval would hide all others
    [axis] = labels.draw({"accuracy": {"ae": pair}}, "labels").axes
    assert not axis.collections
    assert axis.get_xscale() == "log"


def test_the_same_figure_is_the_same_file(tmp_path, random):
    drawn_panel = panel(random)

    def files(folder):
        figure = latent.draw([drawn_panel], [str(i) for i in range(11)])
        return [path.read_bytes() for path in style.save(figure, tmp_path / folder, "x")]

    first = files("a")
    assert files("b") == first
    assert first[0].startswith(b"\x89PNG")
    assert b"<svg" in first[1]


def test_reliability_is_accuracy_against_confidence_and_the_counts_of_each_bin():
    before, after = np.array([[0.9], [0.5], [80]]), np.array([[0.4, 0.6], [0.4, 0.7], [60, 20]])
    one = reliability.Panel("a", {"before": before, "after": after})
    figure = reliability.draw([one] * 5)
    panels = [axis for axis in figure.axes if axis.get_visible()]
    assert len(panels) == 10
    upper, lower = panels[0], panels[4]
    assert upper.get_title() == "a\noff by 0.400, then by 0.025 on average"
    drawn = {line.get_label(): line.get_xydata().tolist() for line in upper.lines}
    assert drawn["before"] == [[0.9, 0.5]]
    assert drawn["after"] == [[0.4, 0.4], [0.6, 0.7]]
    assert [bar.get_height() for bar in lower.patches] == [80, 60, 20]
    assert [text.get_text() for text in figure.legends[0].texts] == ["before", "after"]
    assert reliability.draw([]) is None

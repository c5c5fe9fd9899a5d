"""The benchmark compares what it says: equal networks, equal losses, ratios that are kept."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmark import cases, ours, ratios
from jaxdml import losses
from jaxdml.augment import policies
from jaxdml.augment.erase import erase
from jaxdml.models import conv, resnet
from jaxdml.types import ModelSpec

OUTPUTS = 10
MODELS = {"conv": conv.make, "resnet": resnet.make}


def test_the_compiled_step_does_the_products_that_are_counted():
    case = cases.DML._replace(steps=2)
    turn, facts = ours.training(case)
    turn(2)
    assert 1 < facts["flops"] / case.flops < 1.1


def test_products_are_counted_as_in_the_papers():
    case = cases.DML._replace(passes=(cases.Pass(1, cases.dense(784, 10)),))
    assert case.flops == 4 * 784 * 10  # forwards, and for the kernel; images have no gradient
    teacher = cases.Pass(1, cases.dense(784, 10), backward=False)
    assert case._replace(passes=(teacher,)).flops == 2 * 784 * 10


def test_new_ratios_take_the_place_of_older_ones_of_the_same_machine(tmp_path):
    file = tmp_path / "ratios.csv"
    row = ratios.Ratio("a", "ae", 1.5, 1.25, 1.75, "fused", None, "2026-11-28", "jax 1, torch 2")
    ratios.write([row, row._replace(machine="b", of_products=0.75)], file)
    ratios.write([row._replace(of_pytorch=2.0)], file)
    assert ratios.read(file) == {
        ("a", "ae"): row._replace(of_pytorch=2.0),
        ("b", "ae"): row._replace(machine="b", of_products=0.75),
    }
    assert ratios.read(tmp_path / "none") == {}


def test_the_ratios_in_the_repository_are_of_the_cases():
    from experiments import bench

    known = {*cases.CASES, *(f"{name} in bfloat16" for name in cases.CASES), *bench.GRID_CASES}
    assert {row.case for row in ratios.read().values()} <= known


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_networks_in_pytorch_give_the_same(name):
    torch = pytest.importorskip("torch")
    from experiments.benchmark import networks

    model = MODELS[name](ModelSpec((28, 28, 1), OUTPUTS, stochastic=False, decoder=False))
    params = model.init(jax.random.key(0))
    theirs = networks.encoder(name, 784, OUTPUTS)
    copied(params["encoder"], theirs)
    x = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    mean, _ = model.encode(params, jnp.asarray(x))
    with torch.no_grad():
        z = theirs(torch.from_numpy(x.reshape(4, 784))).numpy()
    np.testing.assert_allclose(mean, z, rtol=1e-4, atol=1e-5)


def copied(params, network):
    """Copies our arrays into a network of PyTorch, layer by layer, in the order of its modules."""
    import torch
    from torch import nn

    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    arrays = {jax.tree_util.keystr(p, simple=True, separator="/"): np.array(a) for p, a in leaves}
    names = ordered({path.rpartition("/")[0] for path in arrays})
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.GroupNorm)]
    kinds = {"conv": nn.Conv2d, "dense": nn.Linear, "norm": nn.GroupNorm}
    for kind, module in kinds.items():
        own = [name for name in names if kind_of(name) == kind]
        for name, layer in zip(own, [x for x in layers if type(x) is module], strict=True):
            weight = arrays.get(f"{name}/kernel", arrays.get(f"{name}/scale"))
            if kind == "conv":
                weight = weight.transpose(3, 2, 0, 1)
            elif kind == "dense":
                if len(weight) == 7 * 7 * 64:  # PyTorch flattens channels first
                    weight = weight.reshape(7, 7, 64, -1).transpose(2, 0, 1, 3).reshape(3136, -1)
                weight = weight.T
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
                layer.bias.copy_(torch.from_numpy(arrays[f"{name}/bias"].ravel()))


def kind_of(name):
    last = name.rpartition("/")[2]
    return "norm" if "GroupNorm" in last else "dense" if "Dense" in last else "conv"


def ordered(names):
    """Layers as data flows: the stem, then blocks, whose shortcut is the last of a module's."""
    return sorted(names, key=lambda name: (not name.startswith("stem"), "Block" not in name, name))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_hard_triplets_by_hand_are_those_of_the_library():
    torch = pytest.importorskip("torch")
    pytest.importorskip("pytorch_metric_learning")
    from experiments.benchmark import pytorch

    random = np.random.default_rng(0)
    z, y = random.standard_normal((64, 5), np.float32), random.integers(0, 6, 64)
    by_hand = pytorch.hard_triplets(torch.from_numpy(z), torch.from_numpy(y)).item()
    by_library = pytorch._by_library()(torch.from_numpy(z), torch.from_numpy(y)).item()
    assert by_hand == pytest.approx(by_library, rel=1e-5)
    ours = losses.triplet(jnp.asarray(z), jnp.asarray(y), margin=0.2, mining="hard")
    assert by_hand == pytest.approx(float(ours), rel=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["weak", "strong"])
def test_views_in_pytorch_move_images_as_far_as_ours(name):
    """By how much the centre, the height and the width of a spot vary from view to view."""
    torch = pytest.importorskip("torch")
    from experiments.benchmark import pytorch_recipe as recipe

    count, axis = 4000, jnp.arange(28.0)
    spot = jnp.exp(-((axis[:, None] - 9) ** 2) / 8 - (axis[None, :] - 17) ** 2 / 32)
    x = jnp.tile(spot[None, :, :, None], (count, 1, 1, 1))
    view = {"weak": policies.weak, "strong": policies.strong}[name]
    mine = view((28, 28, 1), ("shift", "scale", "rotate"))(jax.random.key(0), x)
    torch.manual_seed(0)
    weak = count if name == "weak" else 0
    theirs = recipe.moved(torch.from_numpy(np.array(x[..., 0])), weak).numpy()
    np.testing.assert_allclose(spread(mine[..., 0]), spread(theirs), rtol=0.06)


def spread(images):
    """Standard deviations of the centre, down and right, and of the second moments."""
    x, axis = np.asarray(images, np.float64), np.arange(28)
    x /= x.sum(axis=(1, 2), keepdims=True)
    down, right = (x.sum(axis=2) @ axis), (x.sum(axis=1) @ axis)
    moments = [x.sum(axis=2) @ axis**2 - down**2, x.sum(axis=1) @ axis**2 - right**2]
    return np.array([value.std() for value in (down, right, *moments)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_squares_in_pytorch_are_as_large_as_ours():
    torch = pytest.importorskip("torch")
    from experiments.benchmark import pytorch_recipe as recipe

    torch.manual_seed(0)
    theirs = (recipe.erased(torch.ones(4000, 28, 28)) == 0).float().mean().item()
    x = jnp.ones((4000, 28, 28, 1))
    mine = erase(jax.random.key(0), x, smallest=4, largest=14, fill=0.0)
    assert theirs == pytest.approx(float((mine == 0).mean()), abs=0.005)


@pytest.mark.slow
def test_the_command_prints_a_case():
    pytest.importorskip("pytorch_metric_learning")
    words = ["--cases=dml 60 labels", "--rounds=1", "--nogrid"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.bench", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "× PyTorch" in done.stdout
    assert "cannot take part" not in done.stdout


def test_the_command_knows_its_cases():
    pytest.importorskip("pytorch_metric_learning")
    words = ["--cases=everything", "--nogrid"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.bench", *words], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--cases must be some of ae, " in done.stderr

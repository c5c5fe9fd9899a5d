"""Settings: what they answer, and that they travel to other processes."""

import pickle

import pytest

from jaxdml.settings.resolve import resolve
from jaxdml.settings.systems import SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_setting_travels_with_nothing_but_its_values(system):
    setting = resolve({"system": system})
    before = pickle.dumps(setting)
    answers = setting.numbers, setting.static, setting.training_fields, setting.training
    assert pickle.dumps(setting) == before  # what was asked of it is kept, and does not travel
    again = pickle.loads(before)
    assert again == setting
    assert (again.numbers, again.static, again.training_fields, again.training) == answers
    assert again.unset == setting.unset


def test_what_it_comes_to_on_a_data_set(tiny):
    setting = resolve({"system": "dml", "train.steps": 450, "data.invariances": ("erase", "shift")})
    on_tiny = setting.on(tiny)
    assert on_tiny.record() == {
        "image_shape": list(tiny.train.x.shape[1:]),
        "classes": len(tiny.classes),
        "images": len(tiny.train.y),
        "invariances": ["shift", "erase"],
    }
    sizes = on_tiny.sizes()
    assert (sizes.epoch, sizes.training, sizes.images) == (200, 450, len(tiny.train.y))
    assert [setting.steps_of_epoch(number) for number in range(1, setting.epochs + 1)] == [
        200,
        200,
        50,
    ]
    assert on_tiny.method.image_shape == tiny.train.x.shape[1:]

import pytest

from jaxdml.options import ConfigError
from jaxdml.runs import cluster


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "127.0.0.1:none"])
def test_a_scheduler_that_cannot_be_reached_is_named(monkeypatch, address):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.3)
    with (
        pytest.raises(ConfigError, match=f"--scheduler={address} cannot be reached: name"),
        cluster.connected(address),
    ):
        pass

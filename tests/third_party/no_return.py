"""A configuration whose author forgot the return statement."""

from jaxdml.configs import common


def get_config():
    common.get_config()

"""A configuration that imports what is not there."""


def get_config():
    import nowhere

    return nowhere

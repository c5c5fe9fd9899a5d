"""Stub."""

POLICIES = {
    "none": lambda shape, inv: lambda key, x: x,
    "weak": lambda shape, inv: lambda key, x: x,
    "strong": lambda shape, inv: lambda key, x: x,
}


def invariances_of(dataset, declared):
    return ()

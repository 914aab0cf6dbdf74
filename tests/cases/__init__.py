"""The cases, in the order in which they run; each is a function of a Bench, registered by name."""

CASES = []


def case(name, slow=False):
    """Register a case. It passes if it returns, and fails if it raises; AssertionError carries what was seen."""
    def register(function):
        CASES.append((name, function, slow))
        return function
    return register


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def same(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, wanted {wanted!r}")

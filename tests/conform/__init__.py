"""DHCP protocol cases, asked from outside of any server: each says which configuration it wants and what must be seen."""

CASES = []
DIRECT, RELAYED = "direct", "relayed"


def case(name, ways=(DIRECT,), **setup):
    """Register a case, once for each way in which the client is reached. `setup` is what `servers` configures."""
    def register(function):
        for way in ways:
            CASES.append((f"{name}, {way}" if len(ways) > 1 else name, function, way, setup))
        return function
    return register


BOTH = (DIRECT, RELAYED)

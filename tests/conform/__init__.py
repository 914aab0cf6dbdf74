"""DHCP protocol cases, asked from outside of any server: each says which configuration it wants and what must be seen."""

from case import Case, named

DIRECT, RELAYED = "direct", "relayed"
BOTH = (DIRECT, RELAYED)


def case(name, ways=(DIRECT,), **setup):
    """Let pytest collect a function once for each way in which the client is reached. `setup` is what `servers` configures."""
    return named(*(Case(f"{name}, {way}" if len(ways) > 1 else name, setup={"way": way, "server": setup}) for way in ways))

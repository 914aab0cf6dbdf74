"""What a case of the end-to-end tests is: a function under the name by which pytest reports it, and how it fails."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """`tools` are programs without which the case is skipped; `setup` is for the fixtures of its folder."""

    name: str
    slow: bool = False
    tools: tuple = ()
    setup: dict = field(default_factory=dict)


def case(name, slow=False, tools=()):
    """Let pytest collect a function under this name. A slow case runs with --long only."""
    return named(Case(name, slow, tools))


def named(*cases):
    def register(function):
        function.cases = getattr(function, "cases", ()) + cases
        return function
    return register


def expect(condition, message):
    __tracebackhide__ = True
    if not condition:
        raise AssertionError(message)


def same(what, seen, wanted):
    __tracebackhide__ = True
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, wanted {wanted!r}")

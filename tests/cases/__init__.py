"""The end-to-end cases: the real program, real clients, phones of other hands than the program's."""

from case import case, expect, same

__all__ = ["case", "expect", "same"]

"""Macros and rules as Multiplatform firmware understands them, and nothing more."""

import re

from loads import NAME


class RuleError(ValueError):
    """The phone cannot make sense of the rule and ignores it."""


def expand(text, macros):
    """Replace `$NAME` and `$(NAME)` once; `$$` becomes `$`; unknown names stay as they are."""
    def one(match):
        if match[0] == "$$":
            return "$"
        name = match[1] or match[2]
        return macros.get(name, match[0])
    return re.sub(r"\$\$|\$\((\w+)\)|\$([A-Z]+\d?)", one, text)


def version(text):
    """A load name as (major, minor, micro, build); prefix and model do not count."""
    match = NAME.match(text) or re.match(r"^()(?:(TLex\w+)-)?(\d+)-(\d+)-(\d+)(.*)$", text)
    if match:
        build = re.findall(r"\d+", match[6])
        return tuple(int(n) for n in match.group(3, 4, 5)) + (int(build[-1]) if build else 0,)
    if re.fullmatch(r"\d+(\.\d+)*", text):
        return tuple(int(n) for n in text.split("."))
    raise RuleError(f"format parsing error: {text!r}")


OPERATORS = {
    "eq": lambda c: c == 0, "=": lambda c: c == 0, "ne": lambda c: c != 0, "!=": lambda c: c != 0,
    "lt": lambda c: c < 0, "<": lambda c: c < 0, "le": lambda c: c <= 0, "<=": lambda c: c <= 0,
    "gt": lambda c: c > 0, ">": lambda c: c > 0, "ge": lambda c: c >= 0, ">=": lambda c: c >= 0,
}


def holds(condition):
    """Evaluate `a op b [AND c op d …]`: quoted values as strings, bare ones as versions."""
    for part in re.split(r"\s+(?:AND|and)\s+", condition.strip()):
        match = re.fullmatch(r"\s*(\"[^\"]*\"|\S+?)\s*(!=|<=|>=|=|<|>|\b(?:eq|ne|lt|le|gt|ge)\b)\s*"
                             r"(\"[^\"]*\"|\S+)\s*", part)
        if not match:
            raise RuleError(f"cannot read the condition {part!r}")
        left, operator, right = match.groups()
        if left.startswith('"') != right.startswith('"'):
            raise RuleError(f"quoted and bare values in {part!r}")
        # The seed compares whole load names bare, a transition load among them: for eq and ne the name decides.
        if left.startswith('"') or (operator in ("eq", "=", "ne", "!=") and NAME.match(left) and NAME.match(right)):
            order = (left > right) - (left < right)
        else:
            a, b = version(left), version(right)
            order = (a > b) - (a < b)
        if not OPERATORS[operator](order):
            return False
    return True


def choose(rule, macros):
    """The URL that the rule names now, or None if it names none."""
    text = " ".join(expand(rule, macros).split())
    if not text:
        return None
    alternatives = [a.strip() for a in text.split("|")]
    for position, alternative in enumerate(alternatives):
        match = re.fullmatch(r"\((.*?)\)\s*\?\s*(.*)", alternative)
        if match:
            if holds(match[1]):
                return match[2].strip() or None
        elif position != len(alternatives) - 1:
            raise RuleError(f"only the last alternative may do without a condition: {text!r}")
        else:
            return alternative
    return None

"""Tables of Markdown from figures with intervals."""

KINDS = "fp32", "int8", "int8 - fp32"


def figure(value: list[float], signed: bool = False) -> str:
    """[value, low, high] as text."""
    number = "{:+.3f}" if signed else "{:.3f}"
    return f"{number} [{number}, {number}]".format(*value)


def table(head: list[str], rows: list[list]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def compared(entry: dict, names: list[str]) -> list[list[str]]:
    """One row per figure: its name, fp32, int8 and the difference."""
    return [[name, *(figure(entry[kind][name], kind == KINDS[2]) for kind in KINDS)] for name in names]

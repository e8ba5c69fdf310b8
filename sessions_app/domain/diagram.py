"""The diagram of docs/lifecycle.md, from the table: `python -m sessions_app.domain.diagram`."""

from pathlib import Path

from sessions_app.domain.states import BACK, FORWARD

PAGE = Path(__file__).resolve().parents[2] / "docs/lifecycle.md"
START, END = "```mermaid\n", "```\n"


def diagram() -> str:
    """Mermaid text of every move; those that only a reorganisation makes are labelled so."""
    lines = ["stateDiagram-v2", "    [*] --> initialized"]
    for before, targets in FORWARD.items():
        lines += [f"    {before.value} --> {one.value}" for one in sorted(targets, key=str)]
    lines += [f"    {a.value} --> {b.value}: reorganisation" for a, b in BACK.items()]
    lines += [f"    {status.value} --> [*]" for status, targets in FORWARD.items() if not targets]
    return "\n".join(lines) + "\n"


def with_diagram(page: str) -> str:
    """The page with its diagram drawn anew."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return before + START + diagram() + END + after


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text()))

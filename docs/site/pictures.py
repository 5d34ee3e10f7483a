"""Records commands in a pseudo-terminal, and draws each recording as an animated SVG: `cargo xtask docs --pictures`.

Usage: pictures.py FOLDER FILE TITLE COMMAND…

Runs the commands one after the other in FOLDER with a shell, and writes the SVG to FILE. The lines appear in the SVG
at the time at which the commands printed them. Pauses longer than two seconds are shortened. A reader who prefers
reduced motion sees all lines at once.
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import sys
import time
from dataclasses import dataclass
from html import escape

from rich.console import Console
from rich.text import Text

COLUMNS = 100
LONGEST_PAUSE = 2.0
# The time between a prompt and the output of its command.
TYPING = 0.6

# The style of `Console.export_svg`, but with the fonts of the reader instead of a font from another host.
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="TITLE">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
    font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
@keyframes appear {{ from {{ opacity: 0 }} }}
@media (prefers-reduced-motion: no-preference) {{ DELAYS }}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass
class Line:
    """A line of the terminal with the time in seconds at which it appears."""

    text: str
    time: float


def output(command: str, folder: str) -> list[Line]:
    """Runs a command in a pseudo-terminal, and returns the lines that it prints."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp("sh", ["sh", "-c", f"stty -onlcr cols {COLUMNS}; {command}"])
    started, lines, rest = time.monotonic(), [], ""
    while True:
        select.select([terminal], [], [])
        try:
            part = os.read(terminal, 65536)
        except OSError:
            # Linux reports the end of the output as an error.
            part = b""
        if not part:
            break
        *complete, rest = (rest + part.decode()).split("\n")
        lines += [Line(text, time.monotonic() - started) for text in complete]
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        sys.exit(f"`{command}` ended with {status}:\n" + "\n".join(line.text for line in lines))
    return lines + ([Line(rest, time.monotonic() - started)] if rest else [])


def record(commands: list[str], folder: str) -> list[Line]:
    """Returns the prompts and the output of the commands."""
    recording: list[Line] = []
    now = 0.0
    for command in commands:
        recording.append(Line(f"\033[1;32m$\033[0m \033[1m{command}\033[0m", now))
        now += TYPING
        before = 0.0
        for line in output(command, folder):
            now += min(line.time - before, LONGEST_PAUSE)
            before = line.time
            recording.append(Line(line.text, now))
        now += TYPING
    return recording


def svg(recording: list[Line], title: str) -> str:
    """Draws a recording."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    times: list[float] = []
    for line in recording:
        # A long line continues on the next row of the terminal.
        rows = Text.from_ansi(line.text).wrap(console, COLUMNS) or [Text()]
        for row in rows:
            console.print(row, highlight=False)
            times.append(line.time)
    delays = " ".join(
        f'text[clip-path$="-line-{row})"] {{ animation: appear 0.1s {at:.1f}s backwards }}'
        for row, at in enumerate(times)
        if at > 0
    )
    drawing = console.export_svg(title=title, code_format=FORMAT, unique_id="terminal")
    drawing = drawing.replace("TITLE", escape(title, quote=True)).replace("DELAYS", delays)
    # Spaces at the end of a line are not visible.
    return re.sub(r"[ \t]+$", "", drawing, flags=re.MULTILINE)


def main() -> None:
    folder, file, title, *commands = sys.argv[1:]
    drawing = svg(record(commands, folder), title)
    with open(file, "w", encoding="utf-8") as target:
        target.write(drawing)


main()

"""Runs a program on a terminal and types answers to its prompts.

Usage: type_answers.py '[["prompt", "answer"], ..]' PROGRAM ARGUMENTS.. Each answer is typed when its prompt was printed and
the terminal does not echo, which is when a password is read. Prints everything that the terminal showed, and ends with the
status of the program; with status 99 if a prompt did not come.
"""

import json
import os
import pty
import select
import sys
import termios
import time

PATIENCE = 60

answers = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "dumb"
    os.execv(sys.argv[2], sys.argv[2:])

shown = b""
seen = 0
deadline = time.monotonic() + PATIENCE
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 0.05)
    if ready:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # The program has closed the terminal.
            break
        if not piece:
            break
        shown += piece
    elif answers:
        at = shown.find(answers[0][0].encode(), seen)
        if at >= 0 and not termios.tcgetattr(terminal)[3] & termios.ECHO:
            seen = len(shown)
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
else:
    os.kill(child, 9)
sys.stdout.buffer.write(shown)
_, status = os.waitpid(child, 0)
sys.exit(99 if answers else os.waitstatus_to_exitcode(status))

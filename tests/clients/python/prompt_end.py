"""Ends a prompt of a program on a terminal, and tells how it left the terminal.

Usage: prompt_end.py PROMPT END PROGRAM ARGUMENTS.. END is the name of a signal, or an answer such as "\n" or "\x04" (Ctrl-D)
that is typed. Prints what the terminal showed, then a line of JSON: the modes of the terminal before the prompt and after
the end of the program, and the status as of subprocess. Status 99 if the prompt did not come.
"""

import json
import os
import pty
import select
import signal
import sys
import termios
import time

PATIENCE = 60
prompt, end = sys.argv[1].encode(), sys.argv[2]

# The terminal stays open here, so that its modes can be read after the end of the program.
terminal, inner = pty.openpty()
before = termios.tcgetattr(inner)
child = os.fork()
if child == 0:
    os.setsid()
    for number in range(3):
        os.dup2(inner, number)
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.environ["TERM"] = "dumb"
    os.execv(sys.argv[3], sys.argv[3:])

shown = b""
asked = False
done = None
deadline = time.monotonic() + PATIENCE
while done is None and time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 0.05)
    if ready:
        shown += os.read(terminal, 4096)
        continue
    if not asked and prompt in shown:
        asked = True
        if end.startswith("SIG"):
            os.kill(child, getattr(signal, end))
        else:
            os.write(terminal, end.encode())
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        done = os.waitstatus_to_exitcode(status)
if done is None:
    os.kill(child, 9)
    os.waitpid(child, 0)
sys.stdout.buffer.write(shown + b"\n")
after = termios.tcgetattr(inner)
print(json.dumps({"same": before[:4] == after[:4], "status": done}))
sys.exit(0 if asked else 99)

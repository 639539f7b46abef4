"""Writes NVS partitions with Espressif's generator, called as a library.

Reads a JSON list from standard input and prints a list of the partitions in hexadecimal. Each wanted one is {"size":
bytes, "keys": hexadecimal or null, "namespaces": [{"name": .., "entries": [{"key": .., "type": "u8".."i64", "string" or
"hex2bin", "value": ..}]}]}. With --decrypt each is {"keys": .., "partition": ..}, and what Espressif's tool makes of
it is printed. With --time N the first wanted one is made once unmeasured and then N times, in memory, and the
nanoseconds that each took are printed.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from types import SimpleNamespace

from esp_idf_nvs_partition_gen import nvs_partition_gen as generator

PAGE = 4096


def generate(wanted):
    keys = bytes.fromhex(wanted["keys"]) if wanted["keys"] else None
    out = io.BytesIO()
    # The size without the page that stays free, as the generator's own command line computes it.
    with generator.nvs_open(
        out, wanted["size"] - PAGE, generator.Page.VERSION2, is_encrypt=keys is not None, key=keys
    ) as nvs:
        for namespace in wanted["namespaces"]:
            generator.write_entry(nvs, namespace["name"], "namespace", "", "")
            for entry in namespace["entries"]:
                generator.write_entry(nvs, entry["key"], "data", entry["type"], entry["value"])
    return out.getvalue()


def decrypt(given):
    with tempfile.TemporaryDirectory() as directory:
        names = {name: os.path.join(directory, name + ".bin") for name in ("input", "key", "output")}
        for name, field in (("input", "partition"), ("key", "keys")):
            with open(names[name], "wb") as file:
                file.write(bytes.fromhex(given[field]))
        with contextlib.redirect_stdout(io.StringIO()):
            generator.decrypt(SimpleNamespace(outdir=directory, **names))
        with open(names["output"], "rb") as file:
            return file.read()


def measure(wanted, rounds):
    generate(wanted)
    times = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        generate(wanted)
        times.append(time.perf_counter_ns() - start)
    return times


if __name__ == "__main__":
    if sys.argv[1:2] == ["--time"]:
        print(json.dumps(measure(json.load(sys.stdin)[0], int(sys.argv[2]))))
        sys.exit()
    work = decrypt if "--decrypt" in sys.argv[1:] else generate
    print(json.dumps([work(each).hex() for each in json.load(sys.stdin)]))

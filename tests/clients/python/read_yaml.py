"""Reads a YAML file with PyPI's PyYAML and prints one line of JSON: a list of its documents.

read_yaml.py FILE
"""

import json
import sys

import yaml

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        print(json.dumps(list(yaml.safe_load_all(file))))

"""Reads a true JKS keystore with PyPI's pyjks and prints one line of JSON.

read_with_pyjks.py FILE, passwords in STORE_PASSWORD and KEY_PASSWORD
"""

import json
import os
import sys

import jks


def main(path):
    store = jks.KeyStore.load(path, os.environ["STORE_PASSWORD"], try_decrypt_keys=False)
    keys = []
    for alias, entry in store.private_keys.items():
        entry.decrypt(os.environ["KEY_PASSWORD"])
        keys.append({"alias": alias, "chain": len(entry.cert_chain), "key": entry.pkey_pkcs8.hex()})
    return {"type": store.store_type, "keys": keys, "trusted": sorted(store.certs)}


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1])))
    except jks.util.KeystoreException as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        sys.exit(1)

"""The calls of `tbpki register` for many new devices, made by ThingsBoard's own REST client for Python.

tb_rest_register.py URL USER COUNT THREADS < PASSWORD

Looks for a device by name, makes it with a certificate, and reads its credentials back. Prints the devices, the seconds
that passed and the seconds of CPU as one line of JSON, from behind the login to the end.
"""

import base64
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import tb_rest_client.rest_client as rest
from tb_rest_client.models import Device, DeviceCredentials, SaveDeviceWithCredentialsRequest
from tb_rest_client.rest import ApiException


def register(client, number):
    name = "bench-%d" % number
    value = base64.b64encode(os.urandom(420)).decode()
    try:
        client.get_tenant_device(device_name=name)
        raise SystemExit("%s is there already" % name)
    except ApiException as error:
        if error.status != 404:
            raise
    digest = hashlib.sha3_256(value.encode()).hexdigest()
    credentials = DeviceCredentials(
        credentials_type="X509_CERTIFICATE", credentials_id=digest, credentials_value=value
    )
    body = SaveDeviceWithCredentialsRequest(device=Device(name=name, type="default"), credentials=credentials)
    device = client.save_device_with_credentials(body)
    there = client.get_device_credentials_by_device_id(device.id)
    if there.credentials_id != digest:
        raise SystemExit("%s has other credentials" % name)


def main(url, user, count, threads, password):
    client = rest.RestClientCE(url) if hasattr(rest, "RestClientCE") else rest.RestClient(url)
    client.login(user, password)
    wall, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda number: register(client, number), range(count)):
            pass
    print(json.dumps({"devices": count, "wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.stdin.readline().rstrip("\n"))

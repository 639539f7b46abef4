"""ThingsBoard's own REST client for Python (PyPI tb-rest-client) against a server.

tb_rest.py URL USER NAME < PASSWORD

Signs in, makes a device, replaces its token by a certificate, reads it back, finds it by name and in a list, and
deletes it. Prints what it saw as one line of JSON.
"""

import inspect
import json
import sys

import tb_rest_client.rest_client as rest
from tb_rest_client.models import Device, DeviceCredentials


def plain(model):
    return model.to_dict() if hasattr(model, "to_dict") else model


def main(url, user, name, password):
    client = rest.RestClientCE(url) if hasattr(rest, "RestClientCE") else rest.RestClient(url)
    client.login(user, password)
    seen = {"user": plain(client.get_user())}
    device = client.save_device(Device(name=name, type="default"))
    seen["device"] = plain(device)
    credentials = client.get_device_credentials_by_device_id(device.id.id)
    seen["token"] = plain(credentials)
    credentials.credentials_type = "X509_CERTIFICATE"
    credentials.credentials_value = "certificate of " + name
    client.update_device_credentials(credentials)
    seen["certificate"] = plain(client.get_device_credentials_by_device_id(device.id.id))
    seen["page"] = plain(client.get_tenant_devices(page_size=10, page=0, text_search=name))
    client.delete_device(device.id.id)
    print(json.dumps(seen, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:], sys.stdin.readline().rstrip("\n"))

"""ThingsBoard's own MQTT client for Python (PyPI tb-mqtt-client), with a certificate.

tb_mqtt.py HOST PORT CA CERTIFICATE KEY

Connects with MQTT 5 over TLS 1.2, publishes one telemetry message and one attribute with QoS 1, and prints what became
of them as one line of JSON.
"""

import json
import sys
import time

from tb_device_mqtt import TBDeviceMqttClient, TBPublishInfo

TIMEOUT = 15


def main(host, port, ca, certificate, key):
    client = TBDeviceMqttClient(host, port=int(port))
    client.connect(tls=True, ca_certs=ca, cert_file=certificate, key_file=key)
    deadline = time.monotonic() + TIMEOUT
    while not client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = {"connected": client.is_connected()}
    if seen["connected"]:
        for name, sent in [
            ("telemetry", client.send_telemetry({"temperature": 25})),
            ("attributes", client.send_attributes({"firmware": "1.2.3"})),
        ]:
            seen[name] = sent.get() == TBPublishInfo.TB_ERR_SUCCESS
    client.disconnect()
    print(json.dumps(seen))
    return 0 if seen.get("telemetry") and seen.get("attributes") else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""ThingsBoard's Python client, as its documentation has it, on paho.

paho_client.py HOST PORT CA CERTIFICATE KEY|- 1.2|any

One file with certificate and key goes in as CERTIFICATE, with "-" for the key. Publishes one telemetry message with
QoS 1, waits for its acknowledgement, and prints one line of JSON: the outcome, and where it was refused, by whom and
why. "1.2" speaks that version of TLS only; "any" the newest that both sides know.
"""

import json
import socket
import ssl
import sys
import threading
import warnings

import paho.mqtt.client as mqtt

TIMEOUT = 10


def main(host, port, ca, certificate, key, version):
    done = threading.Event()
    result = {"outcome": "refused", "stage": "connect", "reason": "no answer"}

    def finish(**facts):
        if not done.is_set():
            result.update(facts)
            done.set()

    def on_connect(client, userdata, flags, reason, properties):
        if reason.is_failure:
            finish(stage="connack", reason=str(reason))
        else:
            client.publish("v1/devices/me/telemetry", '{"temperature":25}', qos=1)

    def on_publish(client, userdata, mid, reason, properties):
        finish(outcome="published", stage="puback", reason=None, tls=client.socket().version())

    def on_disconnect(client, userdata, flags, reason, properties):
        finish(stage="connection", reason=str(reason))

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho-client")
    client.on_connect, client.on_publish, client.on_disconnect = on_connect, on_publish, on_disconnect
    with warnings.catch_warnings():
        # The documentation pins a version with these constants, which Python would rather not see any more.
        warnings.simplefilter("ignore", DeprecationWarning)
        client.tls_set(
            ca_certs=ca,
            certfile=certificate,
            keyfile=None if key == "-" else key,
            cert_reqs=ssl.CERT_REQUIRED,
            tls_version=ssl.PROTOCOL_TLSv1_2 if version == "1.2" else ssl.PROTOCOL_TLS_CLIENT,
            ciphers=None,
        )
    try:
        client.connect(host, port, keepalive=TIMEOUT)
    except ssl.SSLError as error:
        finish(stage="tls", reason=getattr(error, "verify_message", None) or error.reason or str(error))
    except (OSError, socket.timeout) as error:
        finish(stage="tcp", reason=str(error))
    else:
        client.loop_start()
        done.wait(TIMEOUT)
        client.disconnect()
        try:
            client.loop_stop()
        except AttributeError:
            # paho looks for its thread, and joins it; the thread may have ended between the two.
            pass
    print(json.dumps(result))
    return 0 if result["outcome"] == "published" else 1


if __name__ == "__main__":
    host, port, ca, certificate, key, version = sys.argv[1:]
    sys.exit(main(host, int(port), ca, certificate, key, version))

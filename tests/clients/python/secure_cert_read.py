"""Reads an esp_secure_cert partition with Espressif's parser, and writes the same one with its builder.

Prints JSON: the entries ({"type", "subtype", "flags", "valid", "data"}), and whether Espressif's builder makes the same
bytes of them. The partition's path is the only argument.
"""

import contextlib
import io
import json
import sys

from esp_secure_cert import tlv_parser
from esp_secure_cert.tlv_format_construct import TlvPartitionBuilder


def entries(partition):
    offset = 0
    while offset < len(partition):
        header, header_size = tlv_parser.parse_tlv_header(partition, offset)
        if header["magic"] != tlv_parser.ESP_SECURE_CERT_TLV_MAGIC:
            return
        start = offset + header_size
        data = partition[start : start + header["length"]]
        footer_at = start + header["length"] + tlv_parser.get_padding_length(header["length"])
        footer, _ = tlv_parser.parse_tlv_footer(partition, footer_at)
        valid, _ = tlv_parser.verify_tlv_integrity(header, partition[offset:], footer)
        yield header, data, valid
        offset += tlv_parser.get_tlv_total_length(header)


def main():
    with open(sys.argv[1], "rb") as file:
        partition = file.read()
    found = list(entries(partition))
    builder = TlvPartitionBuilder()
    with contextlib.redirect_stdout(io.StringIO()):
        for header, data, _ in found:
            builder.add_tlv_entry(header["type"], header["subtype"], data, header["flags"])
    listed = [
        {
            "type": header["type"],
            "subtype": header["subtype"],
            "flags": header["flags"],
            "valid": valid,
            "data": data.decode(),
        }
        for header, data, valid in found
    ]
    print(json.dumps({"entries": listed, "same": bytes(builder.partition_data) == partition}))


if __name__ == "__main__":
    main()

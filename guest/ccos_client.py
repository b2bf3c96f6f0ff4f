"""A client for the capability socket, Python 3 standard library only.

Inside a wall, `/ccos/capability.sock` answers calls of capabilities. A frame is a 4-byte big-endian length
and that many bytes of UTF-8 JSON. The host says hello, the client answers ready, then sends calls and
gets results; ids pair them. A refusal is a `CapabilityError` with the host's code: the program may go on.

    from ccos_client import connect
    ccos = connect()
    ccos.call("ccos.io.write-file", "/workspace/report.md", "text")
    page = ccos.call("ccos.network.http-fetch", {"url": "https://api.example.com/", "method": "GET"})
    print(page["status"], page["body"])

Python and RTFS: None, bool, str, list are the same; int is exact up to 64 bits; float keeps its kind; dict is
a map with string keys. Keywords of a result come back as plain strings.
"""

import json
import math
import os
import socket
import struct

PROTOCOL_VERSION = 1
FRAME_BYTES_MAX = 16 * 1024 * 1024
SAFE_INT = 2**53 - 1


class CapabilityError(Exception):
    """The host's answer to a call that it refused or that failed."""

    def __init__(self, kind, code, message, retryable):
        super().__init__(f"{code}: {message}")
        self.kind, self.code, self.message, self.retryable = kind, code, message, retryable


class ProtocolError(Exception):
    """The other side is not a CCOS host of this version."""


def to_wire(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INT else {"$t": "int", "v": str(value)}
    if isinstance(value, float):
        return _float_to_wire(value)
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {"$t": "map", "v": [[_key(key), to_wire(item)] for key, item in value.items()]}
    raise TypeError(f"{type(value).__name__} has no RTFS form")


def from_wire(wire):
    if isinstance(wire, list):
        return [from_wire(item) for item in wire]
    if not isinstance(wire, dict):
        return wire
    tag, value = wire.get("$t"), wire.get("v")
    if tag == "map":
        return {from_wire(key): from_wire(item) for key, item in value}
    if tag == "int":
        return int(value)
    if tag == "float":
        return float(value)
    if tag == "list":
        return [from_wire(item) for item in value]
    return value


def _key(key):
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise TypeError("a map key is a string or an integer")
    return to_wire(key)


def _float_to_wire(value):
    if math.isfinite(value) and not value.is_integer():
        return value
    return {"$t": "float", "v": _float_text(value)}


def _float_text(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if abs(value) >= 1e21:
        return repr(value)
    return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))


class Client:
    """One connection. Not for several threads at once."""

    def __init__(self, path, session):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._next = 0
        hello = self._receive()
        if hello.get("type") != "hello" or hello.get("version") != PROTOCOL_VERSION:
            raise ProtocolError("no hello of protocol version 1")
        image = hello.get("image", "")
        ready = {"type": "ready", "version": PROTOCOL_VERSION, "session": session, "image": image}
        self._send(ready)

    def call(self, capability, *args):
        """The capability's result. Raises CapabilityError when it is denied or fails."""
        self._next += 1
        wire = [to_wire(arg) for arg in args]
        self._send({"type": "call", "id": self._next, "capability": capability, "args": wire})
        answer = self._receive()
        if answer.get("type") != "result" or answer.get("id") != self._next:
            raise ProtocolError("the host answered something else than this call")
        if answer["ok"]:
            return from_wire(answer["value"])
        error = answer["error"]
        raise CapabilityError(error["kind"], error["code"], error["message"], error["retryable"])

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, message):
        body = json.dumps(message, allow_nan=False).encode()
        if len(body) > FRAME_BYTES_MAX:
            raise ProtocolError("the call is over 16 MiB")
        self._socket.sendall(struct.pack(">I", len(body)) + body)

    def _receive(self):
        (length,) = struct.unpack(">I", self._read(4))
        if length > FRAME_BYTES_MAX:
            raise ProtocolError("a frame is over 16 MiB")
        return json.loads(self._read(length))

    def _read(self, length):
        chunks = []
        while length > 0:
            chunk = self._socket.recv(min(length, 1 << 20))
            if not chunk:
                raise ProtocolError("the host closed the connection")
            chunks.append(chunk)
            length -= len(chunk)
        return b"".join(chunks)


def connect():
    """The run's host, from CCOS_CAPABILITY and CCOS_SESSION."""
    path = os.environ.get("CCOS_CAPABILITY", "/ccos/capability.sock")
    return Client(path, os.environ["CCOS_SESSION"])

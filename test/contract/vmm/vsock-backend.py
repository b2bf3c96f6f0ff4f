"""The device of a guest's vsock for QEMU (vhost-user), with the host's side in Unix sockets as Firecracker and
Cloud Hypervisor have it: a guest that connects to port P of cid 2 reaches the socket HOST_P. A test's stand-in; only
the guest connects. Arguments: socket for QEMU, path HOST, the guest's cid.

Read in this order: main, Device.take, Device.obey, Stream.
"""

import mmap
import os
import selectors
import socket
import struct
import sys

HEADER = struct.Struct("<QQIIIHHIII")
REQUEST, RESPONSE, RESET, SHUTDOWN, DATA, CREDIT, CREDIT_ASKED = range(1, 8)
NO_MORE_RECEIVED, NO_MORE_SENT = 1, 2
HOST_CID, STREAM = 2, 1
WINDOW = 256 * 1024
# What is sure to fit into one buffer of the guest's driver.
PAYLOAD_MAX = 3584
QUEUED_MAX = 64

selector = selectors.DefaultSelector()


class Ring:
    """One virtqueue; addresses are the guest's."""

    def __init__(self):
        self.size = self.next = 0
        self.kick = self.call = -1
        self.parts = None

    def pop(self):
        """The chain of the next buffer: its id, and (address, length, writable) of each part; or None."""
        descriptors, available, _ = self.parts
        if struct.unpack_from("<H", available, 2)[0] == self.next:
            return None
        head = struct.unpack_from("<H", available, 4 + 2 * (self.next % self.size))[0]
        self.next = (self.next + 1) & 0xFFFF
        chain, at = [], head
        while True:
            address, length, flags, following = struct.unpack_from("<QIHH", descriptors, 16 * at)
            chain.append((address, length, flags & 2))
            if not flags & 1:
                return head, chain
            at = following

    def push(self, head, written):
        used = self.parts[2]
        index = struct.unpack_from("<H", used, 2)[0]
        struct.pack_into("<II", used, 4 + 8 * (index % self.size), head, written)
        struct.pack_into("<H", used, 2, (index + 1) & 0xFFFF)

    def notify(self):
        if self.call >= 0:
            os.write(self.call, struct.pack("<Q", 1))


class Stream:
    """One connection of the guest and its socket of the host."""

    def __init__(self, device, ports, peer):
        self.device, self.ports, self.peer = device, ports, peer
        self.pending = bytearray()
        self.forwarded = self.sent = 0
        self.window = self.taken = 0
        self.guest_ended = self.guest_closed = self.host_ended = False
        peer.setblocking(False)

    def room(self):
        return self.window - (self.sent - self.taken)

    def watch(self):
        events = selectors.EVENT_WRITE if self.pending else 0
        if not self.host_ended and self.room() > 0 and len(self.device.queued) < QUEUED_MAX:
            events |= selectors.EVENT_READ
        known = self.peer in selector.get_map()
        if events and known:
            selector.modify(self.peer, events, self.turn)
        elif events:
            selector.register(self.peer, events, self.turn)
        elif known:
            selector.unregister(self.peer)

    def turn(self, events):
        try:
            if events & selectors.EVENT_WRITE:
                self.flush()
            if events & selectors.EVENT_READ:
                self.read()
        except BlockingIOError:
            pass
        except OSError:
            return self.device.drop(self)
        self.settle()

    def read(self):
        data = self.peer.recv(min(self.room(), PAYLOAD_MAX))
        self.sent += len(data)
        if data:
            self.device.say(self, DATA, data)
        else:
            self.host_ended = True
            self.device.say(self, SHUTDOWN, flags=NO_MORE_SENT)

    def flush(self):
        while self.pending:
            count = self.peer.send(self.pending)
            del self.pending[:count]
            self.forwarded += count
            self.device.say(self, CREDIT)

    def settle(self):
        """What follows when nothing is left to be written."""
        if not self.pending and (self.guest_closed or (self.guest_ended and self.host_ended)):
            return self.device.drop(self)
        if not self.pending and self.guest_ended:
            try:
                self.peer.shutdown(socket.SHUT_WR)
            except OSError:
                return self.device.drop(self)
        self.watch()


class Device:
    def __init__(self, host, cid):
        self.host, self.cid = host, cid
        self.regions, self.streams, self.queued = [], {}, []
        self.rings = [Ring(), Ring(), Ring()]

    def at(self, address, length, base=0):
        """Memory of the guest by its own address, or by QEMU's (base 2)."""
        for region in self.regions:
            start = region[base]
            if start <= address and address + length <= start + region[1]:
                offset = address - start + region[4]
                return memoryview(region[3])[offset : offset + length]
        raise ValueError(f"no memory at {address:x}")

    def say(self, stream, operation, data=b"", flags=0):
        forwarded = stream.forwarded & 0xFFFFFFFF
        self.queue(stream.ports, operation, flags, forwarded, data)

    def queue(self, ports, operation, flags=0, forwarded=0, data=b""):
        fields = (HOST_CID, self.cid, ports[0], ports[1], len(data), STREAM, operation, flags, WINDOW, forwarded)
        self.queued.append(HEADER.pack(*fields) + data)
        self.give()

    def give(self):
        """To the guest, as far as it has buffers."""
        ring = self.rings[0]
        was_full = len(self.queued) >= QUEUED_MAX
        if ring.parts is None or ring.kick < 0:
            return
        given = False
        while self.queued:
            buffer = ring.pop()
            if buffer is None:
                break
            packet, written = self.queued.pop(0), 0
            for address, length, writable in buffer[1]:
                part = packet[written : written + length] if writable else b""
                self.at(address, len(part))[:] = part
                written += len(part)
            ring.push(buffer[0], written)
            given = True
        if given:
            ring.notify()
        if was_full and len(self.queued) < QUEUED_MAX:
            for stream in list(self.streams.values()):
                stream.watch()

    def take(self):
        """From the guest."""
        ring = self.rings[1]
        while (buffer := ring.pop()) is not None:
            packet = b"".join(bytes(self.at(address, length)) for address, length, _ in buffer[1])
            ring.push(buffer[0], 0)
            self.obey(packet)
        ring.notify()

    def obey(self, packet):
        fields = HEADER.unpack_from(packet)
        _, _, source, target, length, kind, operation, flags, window, taken = fields
        ports = (target, source)
        if kind != STREAM or fields[1] != HOST_CID:
            return
        if operation == REQUEST:
            return self.connect(ports, window)
        stream = self.streams.get(ports)
        if stream is None:
            if operation != RESET:
                self.queue(ports, RESET)
            return
        stream.window, stream.taken = window, stream.sent - ((stream.sent - taken) & 0xFFFFFFFF)
        if operation == RESET:
            return self.drop(stream, say=False)
        if operation == DATA:
            stream.pending += packet[HEADER.size : HEADER.size + length]
        elif operation == CREDIT_ASKED:
            self.say(stream, CREDIT)
        elif operation == SHUTDOWN:
            stream.guest_ended |= bool(flags & NO_MORE_SENT)
            stream.guest_closed |= bool(flags & NO_MORE_RECEIVED)
        stream.turn(selectors.EVENT_WRITE)

    def connect(self, ports, window):
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(f"{self.host}_{ports[0]}")
        except OSError:
            return self.queue(ports, RESET)
        stream = self.streams[ports] = Stream(self, ports, peer)
        stream.window = window
        self.say(stream, RESPONSE)
        stream.watch()

    def drop(self, stream, say=True):
        if self.streams.pop(stream.ports, None) is None:
            return
        if stream.peer in selector.get_map():
            selector.unregister(stream.peer)
        stream.peer.close()
        if say:
            self.say(stream, RESET)


class Backend:
    """What QEMU says of the device (its docs/interop/vhost-user)."""

    REPLY_WANTED = 8

    def __init__(self, qemu, device):
        self.qemu, self.device = qemu, device

    def turn(self, _):
        head, descriptors, _, _ = socket.recv_fds(self.qemu, 12, 16)
        if not head:
            sys.exit(0)
        request, flags, size = struct.unpack("<III", head)
        body = self.qemu.recv(size, socket.MSG_WAITALL) if size else b""
        answer = self.answer(request, body, descriptors)
        if answer is None and flags & self.REPLY_WANTED:
            answer = struct.pack("<Q", 0)
        if answer is not None:
            self.qemu.sendall(struct.pack("<III", request, 5, len(answer)) + answer)

    def answer(self, request, body, descriptors):
        device = self.device
        number = lambda count: struct.unpack_from(f"<{count}I", body)  # noqa: E731
        if request == 1:  # features: version 1, and those of the protocol
            return struct.pack("<Q", 1 << 32 | 1 << 30)
        if request == 15:  # of the protocol: replies, configuration
            return struct.pack("<Q", 1 << 3 | 1 << 9)
        if request == 17:
            return struct.pack("<Q", len(device.rings))
        if request == 24:  # configuration: the guest's cid
            offset, size, flags = number(3)
            config = struct.pack("<Q", device.cid)
            return struct.pack("<III", offset, size, flags) + config[offset : offset + size]
        if request == 5:
            self.map(body, descriptors)
        elif request == 8:
            device.rings[number(1)[0]].size = number(2)[1]
        elif request == 9:
            index, _, table, used, available, _ = struct.unpack("<IIQQQQ", body)
            ring, at = device.rings[index], lambda address, size: device.at(address, size, 2)
            size = ring.size
            ring.parts = at(table, 16 * size), at(available, 6 + 2 * size), at(used, 6 + 8 * size)
        elif request == 10:
            device.rings[number(1)[0]].next = number(2)[1]
        elif request == 11:
            ring = device.rings[number(1)[0]]
            if ring.kick >= 0:
                selector.unregister(ring.kick)
                ring.kick = -1
            return struct.pack("<II", number(1)[0], ring.next)
        elif request in (12, 13, 14):
            self.wire(request, struct.unpack("<Q", body)[0], descriptors)
        return None

    def map(self, body, descriptors):
        self.device.regions = []
        for index, descriptor in enumerate(descriptors):
            guest, size, user, offset = struct.unpack_from("<QQQQ", body, 8 + 32 * index)
            content = mmap.mmap(descriptor, size + offset)
            os.close(descriptor)
            self.device.regions.append((guest, size, user, content, offset))

    def wire(self, request, word, descriptors):
        index, descriptor = word & 0xFF, descriptors[0] if descriptors else -1
        ring = self.device.rings[index]
        if request == 13:
            ring.call = descriptor
        if request != 12 or descriptor < 0:
            return
        ring.kick = descriptor
        os.set_blocking(descriptor, False)
        selector.register(descriptor, selectors.EVENT_READ, lambda _: self.kicked(index))

    def kicked(self, index):
        try:
            os.read(self.device.rings[index].kick, 8)
        except BlockingIOError:
            return
        if index == 0:
            self.device.give()
        elif index == 1:
            self.device.take()


def main():
    path, host, cid = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    print("listening", flush=True)
    qemu, _ = listener.accept()
    backend = Backend(qemu, Device(host, int(cid)))
    selector.register(qemu, selectors.EVENT_READ, backend.turn)
    while True:
        for key, events in selector.select():
            if key.fileobj in selector.get_map():
                key.data(events)


main()

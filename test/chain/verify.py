#!/usr/bin/env python3
"""A second verifier, which shares nothing with the first: Python's standard library and `openssl`.

verify.py chain CHAIN HEAD KEY           links, signature of the head, root of the records' tree
verify.py log HEADS CHECKPOINT KEY       root and signature of the host log
verify.py proof PROOF KEY                a proof by itself
verify.py consistency OLD NEW KEY PATH   that checkpoint NEW goes on from OLD; PATH is a JSON array of base64

Exit 0 and a line, or 1 and what does not fit.
"""
import base64, hashlib, json, os, subprocess, sys, tempfile


def fail(why):
    print(why)
    sys.exit(1)


def sha(data):
    return hashlib.sha256(data).digest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def signed(key, message, signature):
    """Ed25519, by openssl."""
    with tempfile.TemporaryDirectory() as directory:
        text, name = os.path.join(directory, "text"), os.path.join(directory, "signature")
        for path, data in ((text, message), (name, signature)):
            with open(path, "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", text, "-sigfile", name]
        return subprocess.run(command, capture_output=True).returncode == 0


def raw_key(key):
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", key, "-outform", "DER"], capture_output=True, check=True)
    return der.stdout[-32:]


def tree(leaves):
    """The definition of RFC 6962, 2.1, over hashes of leaves."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\x01" + tree(leaves[:k]) + tree(leaves[k:]))


def canonical(value):
    """RFC 8785 for what heads have: printable ASCII, integers, sorted keys."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def check_head(head, key):
    fields = {name: value for name, value in head.items() if name != "signature"}
    if head["keyId"] != sha(raw_key(key)).hex()[:16]:
        fail("the head names another key")
    if not signed(key, b"ccos.head.v1\n" + canonical(fields), base64.b64decode(head["signature"])):
        fail("the head's signature does not verify")


def record_hash(line):
    """The hash that a record's line must have, from its bytes."""
    if not line.startswith(b'{"body":') or line[-75:-66] != b',"hash":"' or line[-2:] != b'"}':
        fail("a line is no record")
    own = sha(b"ccos.chain.v1\x00" + line[8:-75])
    if own.hex().encode() != line[-66:-2]:
        fail("a record and its hash do not fit")
    return own


def open_note(note, key):
    """Text of a C2SP signed note, and the parts of its checkpoint."""
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    key_id = sha(origin.encode() + b"\n\x01" + raw_key(key))[:4]
    for line in signatures.strip("\n").split("\n"):
        dash, name, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and name == origin and blob[:4] == key_id and signed(key, text.encode(), blob[4:]):
            return origin, int(size), base64.b64decode(root, validate=True)
    fail("the checkpoint's signature does not verify")


def included(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha(b"\x01" + p + r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = sha(b"\x01" + r + p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def consistent(first, second, path, first_root, second_root):
    """RFC 9162, 2.1.4.2."""
    if first == second:
        return not path and first_root == second_root
    if first & (first - 1) == 0:
        path = [first_root] + path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b"\x01" + c + fr), sha(b"\x01" + c + sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = sha(b"\x01" + sr + c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == first_root and sr == second_root


def chain(path, head_path, key):
    head = json.loads(read(head_path))
    check_head(head, key)
    data = read(path)
    if not data.endswith(b"\n"):
        fail("the last line has no end")
    hashes = []
    for seq, line in enumerate(data[:-1].split(b"\n")):
        own = record_hash(line)
        body = json.loads(line[8:-75])
        if body["seq"] != seq or body["chain"] != head["chain"]:
            fail(f"record {seq} is not in its place")
        config = body["data"].get("config", "")
        genesis = sha(f"ccos.chain.v1.genesis\0{body['chain']}\0{config}".encode())
        if body["prev"] != (hashes[-1] if hashes else genesis).hex():
            fail(f"record {seq} is not linked to the one before")
        hashes.append(own)
    if len(hashes) != head["records"] or hashes[-1].hex() != head["head"]:
        fail("the chain does not end where its head says")
    if tree(hashes).hex() != head["root"]:
        fail("the signed root is not that of the records")
    print(f"chain {head['chain']} {len(hashes)} {head['head']}")


def log(path, checkpoint, key):
    lines = read(path).split(b"\n")[:-1]
    origin, size, root = open_note(read(checkpoint).decode(), key)
    if size != len(lines) or tree([sha(b"\x00" + line) for line in lines]) != root:
        fail("the log is not the one that was signed")
    for line in lines:
        check_head(json.loads(line), key)
    print(f"log {origin} {size} {root.hex()}")


def proof(path, key):
    start, note = read(path).decode().split("\n\n", 1)
    first, extra, index, *hashes = start.split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        fail("it is no proof")
    told = json.loads(base64.b64decode(extra[6:]))
    origin, size, root = open_note(note, key)
    leaf = sha(b"\x00" + told["head"].encode())
    if not included(leaf, int(index[6:]), size, [base64.b64decode(each) for each in hashes], root):
        fail("the head is not in the log")
    head = json.loads(told["head"])
    check_head(head, key)
    if "record" in told:
        line = told["record"].encode()
        seq = json.loads(line[8:-75])["seq"]
        below = [bytes.fromhex(each) for each in told["path"]]
        if not included(record_hash(line), seq, head["records"], below, bytes.fromhex(head["root"])):
            fail("the record is not under the head")
    print(f"proof {head['chain']} {index[6:]} of {size}")


def consistency(old, new, key, path):
    _, first, first_root = open_note(read(old).decode(), key)
    _, second, second_root = open_note(read(new).decode(), key)
    if not consistent(first, second, [base64.b64decode(each) for each in json.loads(path)], first_root, second_root):
        fail("the log does not go on from there")
    print(f"consistency {first} {second}")


sys.setrecursionlimit(10_000)
{"chain": chain, "log": log, "proof": proof, "consistency": consistency}[sys.argv[1]](*sys.argv[2:])

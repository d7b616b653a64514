#!/usr/bin/env python3
"""Checks an export or a proof of a Trailbook log.    Usage: python3 verify.py VKEY[,VKEY...] PATH
PATH is the folder of an export or the .json file of a proof. VKEY is the key of the log, had from another source than
PATH; one for each log of an export. Keys of cosigners (the log's clock, witnesses) may be added. Each given key must
have signed in PATH. Exits with 0 and a sentence on what is proven, or with 1 and a sentence on what failed and where."""
import base64, collections, datetime, hashlib, json, os, pathlib, re, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
given, signed = set(), set()        # the keys of the command line; the keys whose signatures were found right
place = ["arguments"]               # the file and line that is being checked, for the message
def need(condition, otherwise):
    if not condition:
        raise ValueError(otherwise)

# ---- JSON, base64, times ----
TIME = r"([0-9-]{10}T[0-9:]{8})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})"        # RFC 3339
def rfc3339(text):
    whole, fraction, zone = re.fullmatch(TIME, text).groups("")
    return datetime.datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}{zone.replace('Z', '+00:00')}")
def instant(ms):
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(milliseconds=ms)
def unbase64(text, length=None):
    data = base64.b64decode(text)
    need(base64.b64encode(data).decode() == text and length in (None, len(data)), "a base64 value is malformed")
    return data
def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON object has a field twice")
    return dict(pairs)
def parse(data):
    return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=lambda _: need(False, "no JSON"))
def fields(value, optional={}, **required):
    """Refuses all but an object with exactly these fields, each of its type, or a text of its pattern."""
    kinds = {**optional, **required}
    need(type(value) is dict and required.keys() <= value.keys() <= kinds.keys(), "a field is missing or unknown")
    for name, item in value.items():
        right = type(item) is kinds[name] or type(item) is type(kinds[name]) and re.fullmatch(kinds[name], item)
        need(right, f"the field {name} is wrong")
    return value

# ---- Hashes: entries, and the tree of RFC 6962 ----
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def event_hash(salt, event):
    need(type(parse(event)) is dict, "the event is not a JSON object")
    return sha256(b"trailbook/event/v1\0", unbase64(salt, 16), event)
def leaf_hash(recorded_ms, inner):
    return sha256(b"\0\1", sha256(b"trailbook/entry/v1\0", recorded_ms.to_bytes(8, "big"), inner))
def check_inclusion(leaf, index, size, proof, root):
    """RFC 9162, 2.1.3.2. Returns the left siblings: the perfect subtrees of all leaves before, largest first."""
    node, last, left = leaf, size - 1, []
    need(0 <= index <= last, "the sequence is not below the size of the checkpoint")
    for sibling in [unbase64(text, 32) for text in proof]:
        need(last > 0, "the inclusion proof is too long")
        while index == last and not index & 1:      # the last node of this level has no sibling
            index, last = index >> 1, last >> 1
        left = [sibling, *left] if index & 1 else left
        node = sha256(b"\1", sibling, node) if index & 1 else sha256(b"\1", node, sibling)
        index, last = index >> 1, last >> 1
    need(last == 0 and node == root, "the inclusion proof does not lead from this entry to the checkpoint")
    return left
def append(subtrees, index, leaf):      # to the perfect subtrees of all leaves before this one
    while index & 1:
        leaf, index = sha256(b"\1", subtrees.pop(), leaf), index >> 1
    subtrees.append(leaf)

# ---- Keys and checkpoints: signed-note, tlog-checkpoint and tlog-cosignature of C2SP ----
Key, LOG, COSIGNER = collections.namedtuple("Key", "name id type public"), 1, 4
def parse_vkey(text):
    parts = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text)
    need(parts, "a key is not of the form name+id+base64")
    data = unbase64(parts[3], 33)
    right = sha256(parts[1].encode("utf-8"), b"\n", data)[:4].hex() == parts[2] and data[0] in (LOG, COSIGNER)
    need(right, "the id of a key is wrong, or its type is neither 1 nor 4")
    return Key(parts[1], parts[2], data[0], data[1:])
def open_checkpoint(note, log, *clock):
    """Checks the signatures of the log, its clock, and given cosigners. Returns size, root, and words on them."""
    need(log in given and log.type == LOG and not {log, *clock} & signed, "the log's key was not given, or is there twice")
    form = "([^\0-\x1f]+)\n(0|[1-9][0-9]{0,17})\n([^\0-\x1f]+)\n\n((?:\u2014 [^\0- ]+ [^\0- ]+\n)+)"
    parts = re.fullmatch(form, note)
    need(parts and parts[1] == log.name, "the checkpoint is malformed or of another log")
    size, root = int(parts[2]), unbase64(parts[3], 32)
    need(size > 0 or root == sha256(), "the root is not that of an empty log")
    words = f"checkpoint of {size:,} entries, signed by {log.name}+{log.id}"
    for name, text in re.findall("\u2014 (.+) (.+)\n", parts[4]):
        blob, message = unbase64(text), note[:parts.end(3) + 1]
        for key in {key for key in {log, *clock, *given} if (key.name, key.id) == (name, blob[:4].hex())}:
            need(len(blob) == (68 if key.type == LOG else 76), f"the signature of {name} has a wrong length")
            if key.type == COSIGNER:
                seconds = int.from_bytes(blob[4:12], "big")
                message = f"cosignature/v1\ntime {seconds}\n{message}"
                words += f", seen last at {instant(seconds * 1000):%Y-%m-%dT%H:%M:%SZ} by {name}+{key.id}"
                words += " (not a key that you gave)" * (key not in given)
            Ed25519PublicKey.from_public_bytes(key.public).verify(blob[-64:], message.encode("utf-8"))
            signed.add(key)
    need({log, *clock} <= signed, "the checkpoint lacks the signature of the log or of its clock")
    return size, root, words

# ---- A proof ----
def check_proof(path):
    place[0] = path
    proof = fields(parse(pathlib.Path(path).read_bytes()), format="trailbook/proof/v1", organization=str, vkey=str,
                   log="[0-9a-f]{32}", sequence=int, recorded_ms=int, salt=str, event=str, proof=str)
    key, sequence, ms = parse_vkey(proof["vkey"]), proof["sequence"], proof["recorded_ms"]
    head, _, note = proof["proof"].partition("\n\n")
    size, root, words = open_checkpoint(note, key)
    extra = base64.b64encode(b"\1" + ms.to_bytes(8, "big") + unbase64(proof["salt"], 16)).decode()
    start, lines = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {sequence}"], head.split("\n")
    need(lines[:3] == start, "the tlog-proof does not begin as sequence, recorded_ms and salt demand")
    leaf = leaf_hash(ms, event_hash(proof["salt"], proof["event"].encode("utf-8")))
    check_inclusion(leaf, sequence, size, lines[3:], root)
    return [f"proof: the event, recorded at {instant(ms)}, is entry {sequence} of the log {key.name}, unchanged ({words})"]

# ---- An export ----
def read_lines(folder, name, described):
    """The lines of a file. After the last one, the file's size and hash must be those of the manifest."""
    size, digest = 0, hashlib.sha256()
    with open(os.path.join(folder, name), "rb") as file:
        for number, line in enumerate(file, 1):
            place[0] = f"{name} line {number}"
            need(line.endswith(b"\n"), "the line has no end")
            size, _ = size + len(line), digest.update(line)
            yield line[:-1]
    place[0] = name
    right = fields(described, bytes=int, sha256=str) == {"bytes": size, "sha256": digest.hexdigest()}
    need(right, "its size or hash is not that of the manifest")
def check_log(log, query, bounds, openings, events):
    """Checks the lines of one log. Returns the sentence on it."""
    fields(log, dict(first_sequence=int, last_sequence=int, run=dict), log="[0-9a-f]{32}", origin=str, vkey=str,
           clock_vkey=str, kind="complete|members", checkpoint=str, events=int, erased=int, openings=int)
    complete, key, clock = log["kind"] == "complete", parse_vkey(log["vkey"]), parse_vkey(log["clock_vkey"])
    need(not complete or not query and bounds.keys() <= {"recorded_from", "recorded_to"},
         "a complete export can have no query, and no bounds but recorded_from and recorded_to")
    need(key.name == log["origin"] and clock[::2] == (key.name + "/clock", COSIGNER), "a key is not of this origin")
    size, root, words = open_checkpoint(log["checkpoint"], key, clock)
    sequence, time, final, seen = -1, instant(0), log["openings"] - 1, {"openings": 0, "events": 0, "erased": 0}
    need(("run" in log) == (complete and final >= 0) == (complete and size > 0), "a run or a line is missing or not due")
    run = fields(log["run"], first=list, last=list) if "run" in log else {}
    since = rfc3339(bounds.get("recorded_from", "0001-01-01T00:00:00Z"))
    until = rfc3339(bounds.get("recorded_to", "9999-12-31T23:59:59.999999Z"))
    low, high = bounds.get("sequence_from", 0), bounds.get("sequence_to", size)
    need(since <= until and low <= high, "the range ends before it begins")
    for number, line in zip(range(log["openings"]), openings):
        where, due, previous, own = place[0], sequence + 1, time, {} if complete else {"proof": list}
        opening = fields(parse(line), dict(salt=str, inner=str), sequence=int, recorded_ms=int, **own)
        need(("salt" in opening) != ("inner" in opening), "there must be either a salt or an inner hash")
        sequence, time = opening["sequence"], instant(opening["recorded_ms"])
        need(time >= previous and (sequence == due if complete and number else sequence >= due), "the order is wrong")
        within = since <= time < until and low <= sequence < high
        neighbour = complete and "inner" in opening and number == (0 if time < since else final)
        need(within or neighbour, "the entry is not in the range")
        if within and "salt" in opening:
            seen = {"first_sequence": sequence, **seen, "last_sequence": sequence}
        seen = {**seen, "openings": number + 1}
        seen["events" if "salt" in opening else "erased"] += within
        if "salt" in opening:
            event = next(events, b"")
            place[0] = f"{where}, {place[0]}"
        inner = event_hash(opening["salt"], event) if "salt" in opening else unbase64(opening["inner"], 32)
        leaf = leaf_hash(opening["recorded_ms"], inner)
        if not complete:
            check_inclusion(leaf, sequence, size, opening["proof"], root)
            continue
        if number == 0:
            need(time < since or sequence == 0, "the entry before the range is missing")
            subtrees = check_inclusion(leaf, sequence, size, run["first"], root)
        if number == final:
            need(time >= until or sequence == size - 1, "the entry after the range is missing")
            left = check_inclusion(leaf, sequence, size, run["last"], root)
            need(subtrees == left, "a line of this log before this one is not as it was logged")
        append(subtrees, sequence, leaf)
    place[0] = "manifest.json"
    need(seen == {k: v for k, v in log.items() if type(v) is int}, f"the counts or sequences of {key.name} are wrong")
    words = f"; without content, erased or withheld: {seen['erased']:,}" * (seen["erased"] > 0) + f" ({words})"
    if not complete:
        return (f"members: each of the {seen['events']:,} events is in the log {key.name}, unchanged; "
                f"whether others match too is not proven{words}")
    end = bounds.get("recorded_to", "its end") + ", as far as the checkpoint goes," * (time < until)
    return (f"complete: all {seen['events']:,} events recorded from {bounds.get('recorded_from', 'its beginning')} to {end} "
            f"of the log {key.name} are here, none was changed or left out{words}")
def check_export(folder):
    place[0] = "manifest.json"
    manifest = fields(parse(pathlib.Path(folder, "manifest.json").read_bytes()), dict(hidden=list), organization=str,
                      format="trailbook/export/v1", created_at=TIME, query=str, range=dict, files=dict, logs=list)
    need("hidden" not in manifest, "fields were taken out of the events, so nothing is proven")
    fields(manifest["range"], dict(recorded_from=TIME, recorded_to=TIME, occurred_from=TIME, occurred_to=TIME,
                                   sequence_from=int, sequence_to=int))
    files = fields(manifest["files"], **{"openings.ndjson": dict, "events.ndjson": dict})
    openings, events = (read_lines(folder, name, files[name]) for name in ("openings.ndjson", "events.ndjson"))
    sentences = [check_log(log, manifest["query"], manifest["range"], openings, events) for log in manifest["logs"]]
    need(not any(True for lines in (openings, events) for _ in lines), "the manifest does not count this line")
    return sentences
if __name__ == "__main__":
    try:
        need(len(sys.argv) == 3, "usage: python3 verify.py VKEY[,VKEY...] PATH")
        given.update(map(parse_vkey, sys.argv[1].split(",")))
        sentences = check_export(sys.argv[2]) if os.path.isdir(sys.argv[2]) else check_proof(sys.argv[2])
        need(given <= signed, "a key that you gave has signed nothing here")
        print("\n".join(sentences))
    except Exception as error:      # whatever went wrong, nothing is proven
        sys.exit(f"refused: {place[0]}: {str(error) or 'a signature of the checkpoint is wrong'}")

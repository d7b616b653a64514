"""ClickHouse's engine as a peer, inside this process (chdb): `clickhouse.py FOLDER PARAMETERS`.

The events come on standard input, columns between tabs. They are inserted from files of half a million; making the files
is not measured. Nothing of that is durable by event or by batch, which the other systems are.
"""

import os
import sys
import time

import measure
from chdb import session

SYSTEM = "clickhouse"
EVENTS_PER_FILE = 500_000

SCHEMA = """
CREATE TABLE events (
  id UUID,
  organization LowCardinality(String),
  occurred_at DateTime64(3, 'UTC'),
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  source LowCardinality(String),
  action LowCardinality(String),
  outcome LowCardinality(String),
  severity LowCardinality(String),
  actor_type LowCardinality(String),
  actor_id String CODEC(ZSTD(1)),
  target_id String CODEC(ZSTD(1)),
  request_id String CODEC(ZSTD(1)),
  message String CODEC(ZSTD(1)),
  body String CODEC(ZSTD(1)),
  INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_target target_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_actor actor_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_word body TYPE tokenbf_v1(65536, 3, 0) GRANULARITY 1
) ENGINE = MergeTree ORDER BY (organization, occurred_at, sequence)
"""

COLUMNS = (
    "id UUID, organization String, occurred_ms Int64, sequence UInt64, source String, action String, outcome String, "
    "severity String, actor_type String, actor_id String, target_id String, request_id String, message String, "
    "body String"
)

NEWEST = "SELECT sequence, body FROM events WHERE {} ORDER BY occurred_at DESC, sequence DESC LIMIT 100"
COUNT = "SELECT count() FROM events WHERE {}"


def fill(engine, folder):
    """Inserts what standard input holds; gives the seconds that took."""
    path, seconds = os.path.join(folder, "events.tsv"), 0.0
    while True:
        count = 0
        with open(path, "wb") as file:
            for _, line in zip(range(EVENTS_PER_FILE), sys.stdin.buffer):
                file.write(line)
                count += 1
        if count > 0:
            start = time.perf_counter()
            engine.query(
                "INSERT INTO events SELECT * REPLACE (fromUnixTimestamp64Milli(occurred_ms) AS occurred_ms) "
                f"FROM file('{path}', TSV, '{COLUMNS}')"
            )
            seconds += time.perf_counter() - start
        os.remove(path)
        if count < EVENTS_PER_FILE:
            return seconds


def quoted(value):
    """A text as a literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def rows_of(engine):
    """How each row is asked."""

    def lines(sql):
        return engine.query(sql, "TSV").bytes().splitlines()

    def total(where):
        return int(lines(COUNT.format(where))[0])

    def page(where):
        return len(lines(NEWEST.format(where)))

    def both(where):
        return page(where) + total(where)

    def groups(by, drawn):
        answer = lines(f"SELECT {by} AS by, count() FROM events WHERE {of(drawn)} GROUP BY by ORDER BY by")
        return measure.squares(int(line.split(b"\t")[1]) for line in answer)

    def of(drawn):
        return f"organization = {quoted(drawn['organization'])}"

    def filtered(drawn):
        return f"{of(drawn)} AND action = {quoted(drawn['action'])} AND outcome = {quoted(drawn['outcome'])}"

    def word(drawn):
        return f"{of(drawn)} AND hasToken(body, {quoted(drawn['word'])})"

    return {
        "newest": lambda d: both(of(d)),
        "filtered": lambda d: page(filtered(d)),
        "filtered_total": lambda d: both(filtered(d)),
        "target": lambda d: both(f"{of(d)} AND target_id = {quoted(d['target'])}"),
        "count": lambda d: total(f"{filtered(d)} AND actor_type = {quoted(d['actor_type'])}"),
        "facet": lambda d: groups("action", d),
        "word_count": lambda d: total(word(d)),
        "word_page": lambda d: page(word(d)),
        "histogram": lambda d: groups("toDate(occurred_at)", d),
        "id": lambda d: page(f"{of(d)} AND id = {quoted(d['peer_id'])}"),
    }


def export(engine, organization):
    """Reads an organization as NDJSON; gives the number of bytes."""
    sql = f"SELECT body FROM events WHERE organization = {quoted(organization)} ORDER BY sequence"
    return len(engine.query(sql, "TSVRaw").bytes())


def main():
    folder, parameters_path = sys.argv[1:]
    engine = session.Session(os.path.join(folder, "clickhouse"))
    measure.fact(SYSTEM, "version", str(engine.query("SELECT version()", "TSV")).strip())
    engine.query("CREATE DATABASE IF NOT EXISTS bench")
    engine.query("USE bench")
    engine.query(SCHEMA)
    seconds = fill(engine, folder)
    start = time.perf_counter()
    engine.query("OPTIMIZE TABLE events FINAL")
    measure.fact(SYSTEM, "settle_seconds", time.perf_counter() - start)
    events = int(str(engine.query("SELECT count() FROM events", "TSV")))
    size = engine.query(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'bench' AND table = 'events' AND active", "TSV"
    )
    measure.fact(SYSTEM, "events", events)
    measure.fact(SYSTEM, "events_per_second", events / seconds)
    measure.fact(SYSTEM, "bytes_per_event", int(str(size)) / events)
    measure.ask_all(SYSTEM, parameters_path, rows_of(engine))
    measure.export_speed(SYSTEM, lambda organization: export(engine, organization))


if __name__ == "__main__":
    main()

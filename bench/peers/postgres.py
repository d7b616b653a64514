"""PostgreSQL as a peer: `postgres.py URL PARAMETERS`, with the events as INSERTs on standard input.

The table has the columns that an application would give it, and the event as JSON in `body`. Word search is ILIKE over
`body`: there is no index for it here, because one over whole events would double the table.
"""

import queue
import sys
import threading
import time

import measure
import psycopg

SYSTEM = "postgres"
CONNECTIONS = 4
# INSERTs that are read before the clock starts: 200,000 events. Who makes them waits meanwhile.
POOL = 400

SCHEMA = """
CREATE TABLE events (
  id uuid PRIMARY KEY,
  organization text NOT NULL,
  occurred_at timestamptz NOT NULL,
  sequence bigint NOT NULL,
  source text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL,
  severity text NOT NULL,
  actor_type text,
  actor_id text,
  target_id text,
  request_id uuid,
  message text,
  body jsonb NOT NULL
);
CREATE INDEX events_newest ON events (organization, occurred_at DESC, sequence DESC);
CREATE INDEX events_action ON events (organization, action, outcome, occurred_at DESC, sequence DESC);
CREATE INDEX events_target ON events (target_id);
CREATE INDEX events_actor ON events (actor_id);
CREATE INDEX events_request ON events (request_id);
"""

NEWEST = "SELECT sequence, body::text FROM events WHERE {} ORDER BY occurred_at DESC, sequence DESC LIMIT 100"
COUNT = "SELECT count(*) FROM events WHERE {}"


def fill(url):
    """Inserts what standard input holds, each INSERT a transaction of its own; gives the seconds that took."""
    seconds, failures = 0.0, []
    while pool := [line for _, line in zip(range(POOL), sys.stdin.buffer)]:
        waiting = queue.SimpleQueue()
        for line in pool:
            waiting.put(line)

        def work():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    while True:
                        try:
                            connection.execute(waiting.get_nowait())
                        except queue.Empty:
                            return
            except psycopg.Error as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds += time.perf_counter() - start
        if failures:
            raise failures[0]
    return seconds


def rows_of(connection):
    """How each row is asked."""

    def one(sql, *values):
        return connection.execute(sql, values).fetchone()[0]

    def many(sql, *values):
        return connection.execute(sql, values).fetchall()

    def page(where, *values):
        return len(many(NEWEST.format(where), *values))

    def total(where, *values):
        return one(COUNT.format(where), *values)

    def both(where, *values):
        return page(where, *values) + total(where, *values)

    of = "organization = %s"
    filtered = f"{of} AND action = %s AND outcome = %s"
    word = f"{of} AND body::text ILIKE %s"
    facet = f"SELECT action, count(*) FROM events WHERE {of} GROUP BY action ORDER BY 2 DESC"
    days = f"SELECT date_trunc('day', occurred_at, 'UTC'), count(*) FROM events WHERE {of} GROUP BY 1 ORDER BY 1"
    single = f"SELECT sequence, body::text FROM events WHERE {of} AND id = %s"
    return {
        "newest": lambda d: both(of, d["organization"]),
        "filtered": lambda d: page(filtered, d["organization"], d["action"], d["outcome"]),
        "filtered_total": lambda d: both(filtered, d["organization"], d["action"], d["outcome"]),
        "target": lambda d: both(f"{of} AND target_id = %s", d["organization"], d["target"]),
        "count": lambda d: total(
            f"{filtered} AND actor_type = %s", d["organization"], d["action"], d["outcome"], d["actor_type"]
        ),
        "facet": lambda d: measure.squares(n for _, n in many(facet, d["organization"])),
        "word_count": lambda d: total(word, d["organization"], f"%{d['word']}%"),
        "word_page": lambda d: page(word, d["organization"], f"%{d['word']}%"),
        "histogram": lambda d: measure.squares(n for _, n in many(days, d["organization"])),
        "id": lambda d: len(many(single, d["organization"], d["peer_id"])),
    }


def export(connection, organization):
    """Reads an organization as NDJSON; gives the number of bytes."""
    sql = "COPY (SELECT body::text FROM events WHERE organization = %s ORDER BY sequence) TO STDOUT"
    with connection.cursor().copy(sql, (organization,)) as copy:
        return sum(len(block) for block in copy)


def main():
    url, parameters_path = sys.argv[1:]
    with psycopg.connect(url, autocommit=True) as connection:
        measure.fact(SYSTEM, "version", connection.execute("SHOW server_version").fetchone()[0])
        connection.execute(SCHEMA)
        seconds = fill(url)
        start = time.perf_counter()
        connection.execute("VACUUM (ANALYZE, FREEZE) events")
        connection.execute("CHECKPOINT")
        measure.fact(SYSTEM, "settle_seconds", time.perf_counter() - start)
        events, = connection.execute("SELECT count(*) FROM events").fetchone()
        size, = connection.execute("SELECT pg_total_relation_size('events')").fetchone()
        measure.fact(SYSTEM, "events", events)
        measure.fact(SYSTEM, "events_per_second", events / seconds)
        measure.fact(SYSTEM, "bytes_per_event", size / events)
        measure.ask_all(SYSTEM, parameters_path, rows_of(connection))
        measure.export_speed(SYSTEM, lambda organization: export(connection, organization))


if __name__ == "__main__":
    main()

"""What both peers share: the parameters, the passes over them, and how results are printed.

Results are JSON, one object a line on standard output, in the same form as those of Trailbook's own part.
"""

import json
import sys
import time

# A pass over the parameters of one row ends after this time, if it did the least number of queries.
PASS_SECONDS_MAX = 20.0
QUERIES_MIN = 20
# The organization that is exported: one of medium size.
EXPORTED = "org-09"
EXPORTS = 3
# Which list of drawn events a row takes its parameters from; the others take `events`.
LISTS = {"target": "targets", "word_count": "words", "word_page": "words"}
ROWS = [
    "newest", "filtered", "filtered_total", "target", "count", "facet", "word_count", "word_page", "histogram", "id",
]


def out(**result):
    """Prints one result."""
    print(json.dumps(result), flush=True)


def fact(system, name, value):
    """Prints one number or text that was measured."""
    out(kind="fact", system=system, name=name, value=value)


def squares(counts):
    """The check of a row that counts by groups."""
    return sum(count * count for count in counts)


def quantile_ms(times, percent):
    """Of sorted seconds."""
    return times[min(len(times) * percent // 100, len(times) - 1)] * 1e3


def one_pass(ask, drawn_list):
    """Asks once for each drawn event, until time is up; gives the seconds of each and the sum of the checks."""
    times, check, begin = [], 0, time.perf_counter()
    for drawn in drawn_list:
        if len(times) >= QUERIES_MIN and time.perf_counter() - begin > PASS_SECONDS_MAX:
            break
        start = time.perf_counter()
        check += ask(drawn)
        times.append(time.perf_counter() - start)
    return times, check


def ask_all(system, parameters_path, rows):
    """Measures every row; `rows` gives by name a function from a drawn event to the check of its answer."""
    with open(parameters_path, encoding="utf-8") as file:
        parameters = json.load(file)
    for row in ROWS:
        drawn_list = parameters[LISTS.get(row, "events")]
        print(f"{system}: query {row} …", file=sys.stderr, flush=True)
        try:
            cold, _ = one_pass(rows[row], drawn_list)
            times, check = one_pass(rows[row], drawn_list)
        except Exception as error:  # One row that fails must not take the others along.
            out(kind="missing", system=system, row=row, reason=str(error)[:200])
            continue
        again = times[0]
        times.sort()
        out(
            kind="query", system=system, row=row, runs=len(times), check=check,
            p50_ms=quantile_ms(times, 50), p99_ms=quantile_ms(times, 99),
            first_cold_ms=cold[0] * 1e3, first_again_ms=again * 1e3,
        )


def export_speed(system, export):
    """Measures `export`, which gives the bytes of one organization as NDJSON."""
    speeds = []
    for _ in range(EXPORTS + 1):
        start = time.perf_counter()
        count = export(EXPORTED)
        speeds.append(count / 1e6 / (time.perf_counter() - start))
    # The first one warms up.
    fact(system, "export_mb_per_second", sorted(speeds[1:])[EXPORTS // 2])

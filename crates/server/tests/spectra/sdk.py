"""Orders an export with the vendor's own client and fetches what it gives.

Arguments: the port of the server, the token, the organization. Prints one JSON object.
"""

import io
import json
import sys
import time
import urllib.request
import zipfile

from spectra_assure_api_client import SpectraAssureApiOperations

port, token, organization = sys.argv[1:]
client = SpectraAssureApiOperations(
    host=f"127.0.0.1:{port}",
    server="acme",
    organization=organization,
    group="none",
    token=token,
    api_proto="http",
    auto_adapt_to_throttle=True,
)


def export(name, filters=None, **more):
    order = {
        "name": name,
        "datetime_start": "2026-04-01T00:00:00Z",
        "datetime_end": "2026-05-01T00:00:00Z",
        "should_create_cef": True,
        "should_create_ndjson": True,
    }
    answer = client.audit_log_export(**{**order, **more}, filters=filters)
    if answer.status_code != 201:
        return {"status": answer.status_code, **answer.json()}
    job = answer.json()
    while "IN_PROGRESS" in (job["cef_status"], job["ndjson_status"]):
        time.sleep(0.02)
        answer = client.audit_log_status(job_id=job["id"])
        assert answer.status_code == 200, answer.text
        job = answer.json()
    found = {"status": job["ndjson_status"], "lines": {}}
    for form in ("cef", "ndjson"):
        link = job[f"{form}_presigned_url"]
        if link is None:
            continue
        with urllib.request.urlopen(link) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.read()))
        assert archive.testzip() is None
        found["lines"][form] = archive.read(f"events.{form}").decode().splitlines()
    return found


print(json.dumps({name: export(name, **asked) for name, asked in json.load(sys.stdin).items()}))
client.close()

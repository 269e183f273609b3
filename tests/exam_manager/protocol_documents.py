"""Files of protocols, and the sequences in them."""

from hashlib import sha256

EXAM = "/api/v1/exam"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"
PULSEQ = """# Pulseq sequence file

[VERSION]
major 1
minor 5
revision 0

[DEFINITIONS]
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06
Name {name}

[BLOCKS]
1 100 0 0 1 0 0 0

[TRAP]
1 100000 100 300 100 0
"""


def pulseq(name="Ruhe"):
    return PULSEQ.format(name=name)


async def upload(platform, name="Ruhe", **files):
    parts = {"seq_file": ("a.seq", pulseq(name).encode(), "text/plain"), **files}
    fields = {"name": name, "tags": ["head"]}
    url = f"{EXAM}/sequence"
    return (await platform.call("POST", url, data=fields, files=parts, expect=201)).json()["_id"]


def task(ref="t1", **changes):
    return {"ref": ref, "name": ref, "task_type": "ACQUISITION", **changes}


def job(ref="t2", **changes):
    dag = {"task_type": "DAG", "dag_type": "RECONSTRUCTION", "dag_id": "x"}
    return {"ref": ref, "name": ref, **dag, **changes}


def document(*tasks, sequences=(), **changes):
    workflow = {"name": "W", "tasks": list(tasks)}
    return {
        "format": "scanhub-protocols",
        "format_version": 1,
        "protocols": [{"protocol_id": UNKNOWN, "version": 1, "name": "P", "workflows": [workflow]}],
        "sequences": list(sequences),
        **changes,
    }


def sequence(text=None, ref="s1", **changes):
    text = pulseq() if text is None else text
    checksum = sha256(text.encode()).hexdigest()
    return {"ref": ref, "name": "Ruhe", "sha256": checksum, "seq_file": text, **changes}

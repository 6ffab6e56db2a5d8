"""The structure of OpenShift's aggregated kinds, in the form of `tests/rig/structure.py`, from what a real server answered.

    python3 tests/openshift/structure.py > src/sandbox/schema/openshift.json

`requests.jsonl` has the discovery documents and the tables, `schemas/GROUP.json` the types. Types of Kubernetes that they refer to
are those of `src/sandbox/schema/kubernetes.json`.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "rig"))

from structure import columns, resources, structure  # noqa: E402

GROUPS = ("apps", "build", "image", "project", "route", "template")
# Tables that were not recorded, by the printers of the server.
# https://github.com/openshift/openshift-apiserver/tree/main/pkg/print (`install.go` of the API groups)
UNRECORDED = {
    "images": [["Name", "string", "name", 0], ["Image Reference", "string", "", 0]],
    "imagetags": [["Name", "string", "name", 0], ["Spec", "string", "", 0], ["Status", "string", "", 0],
                  ["Image", "string", "", 0]],
}
PLAIN = [["Name", "string", "name", 0], ["Created At", "date", "", 0]]


def tables_of(recorded):
    """The columns of the tables that were recorded, by resource."""
    found = dict(UNRECORDED)
    for request in recorded:
        response = request["response"]
        if isinstance(response, dict) and response.get("kind") == "Table":
            resource = request["path"].rsplit("/", 1)[1]
            found[resource] = columns(response)
    return found


def main():
    recorded = [json.loads(line) for line in (HERE / "requests.jsonl").open()]
    tables = tables_of(recorded)
    groups, types = [], {}
    for short in GROUPS:
        name = f"{short}.openshift.io"
        discovery = next(r["response"] for r in recorded if r["path"] == f"/apis/{name}/v1")
        found = resources(discovery, lambda entry: tables.get(entry["name"], PLAIN))
        groups.append({"name": name, "preferred": "v1", "versions": ["v1"], "resources": {"v1": found}})
        schemas = json.loads((HERE / "schemas" / f"{short}.json").read_text())["schemas"]
        for type_name, schema in schemas.items():
            kept = structure(schema)
            # The kinds' old place in the core group is no longer served.
            kinds = [k for k in kept.pop("x-kubernetes-group-version-kind", []) if k["group"]]
            if kinds:
                kept["x-kubernetes-group-version-kind"] = kinds
            types[type_name] = kept
    write = sys.stdout.write
    line = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"))
    write('{"groups":[\n' + ",\n".join(map(line, groups)) + '\n],"types":{\n')
    write(",\n".join(f"{line(name)}:{line(types[name])}" for name in sorted(types)))
    write("\n}}\n")


main()

"""The structure of an API server's kinds, as JSON: what it serves, the columns of its tables, the types of its objects.

    tests/rig/rig exec python3 tests/rig/structure.py > src/sandbox/schema/kubernetes.json
    python3 tests/rig/structure.py ~/.cache/ccnr-rig > src/sandbox/schema/operators.json

Names, types, list kinds, merge keys, defaults, and the roles that every server has: no text. Served by the API-only rig, so that no addon is in it.

The second file holds the CRDs of the Prometheus Operator and of OLM, as the rig's build got them. What they repeat, such as a Pod's affinity, stands
once in `shared`; `{"$": 3}` is the fourth of these.
"""
import base64
import collections
import glob
import json
import os
import ssl
import sys
import tempfile
import urllib.request

import yaml

REF = "#/components/schemas/"
KEPT = {
    "type", "format", "properties", "items", "additionalProperties", "required", "default", "enum", "nullable", "oneOf",
    "x-kubernetes-group-version-kind", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key", "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
}


class Server:
    """The API server of a kubeconfig with a client certificate."""

    def __init__(self, path):
        with open(path) as file:
            config = yaml.safe_load(file)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            self.context.load_cert_chain(pair.name)

    def get(self, path, accept="application/json"):
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        with urllib.request.urlopen(request, context=self.context) as answer:
            return json.load(answer)


def structure(node):
    """A schema without its texts; references are plain names."""
    if "$ref" in node:
        return {"$ref": node["$ref"].removeprefix(REF)}
    out = {key: value for key, value in node.items() if key in KEPT}
    if "allOf" in node:
        out.update(structure(node["allOf"][0]))
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = structure(out[key])
    if "properties" in out:
        out["properties"] = {name: structure(child) for name, child in out["properties"].items()}
    return out


def columns(table):
    """The columns of a table."""
    return [[c["name"], c["type"], c["format"], c["priority"]] for c in table["columnDefinitions"]]


def resources(discovery, columns_of):
    """The resources of a group/version, each with its subresources and the columns of its table, where it has one."""
    found = {}
    for entry in discovery["resources"]:
        name, _, sub = entry["name"].partition("/")
        kept = {key: entry[key] for key in ("kind", "group", "version", "verbs") if key in entry}
        if sub:
            found[name].setdefault("subresources", {})[sub] = kept
            continue
        for key in ("singularName", "namespaced", "shortNames", "categories", "storageVersionHash"):
            if key in entry:
                kept[key] = entry[key]
        shown = columns_of(entry)
        if shown is not None:
            kept["columns"] = shown
        found[name] = kept
    return found


def served(server, base):
    """The resources of a group/version of a server."""
    def asked(entry):
        if "list" not in entry["verbs"]:
            return None
        table = f"{base}/{entry['name']}?limit=1"
        return columns(server.get(table, "application/json;as=Table;g=meta.k8s.io;v=v1"))
    return resources(server.get(base), asked)


def access(server):
    """The roles and bindings that the API server makes for itself."""
    base = "/apis/rbac.authorization.k8s.io/v1"
    found = []
    for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
        for item in server.get(f"{base}/{kind.lower()}s")["items"]:
            labels = item["metadata"].get("labels", {})
            if labels.get("kubernetes.io/bootstrapping") != "rbac-defaults":
                continue
            kept = {key: item["metadata"][key] for key in ("name", "namespace", "labels", "annotations") if key in item["metadata"]}
            rest = {key: value for key, value in item.items() if key != "metadata"}
            # What aggregates others holds their rules too: the controller that does it is not there yet.
            found.append({"kind": kind, "metadata": kept, **rest})
    return found


def definitions(out):
    """The CRDs among the manifests of a built rig."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)  # a bare `=`
    found = []
    for path in [out + "/prometheus-operator.yaml", *glob.glob(out + "/manifests/*.yaml")]:
        with open(path) as file:
            found += [d for d in yaml.load_all(file, loader) if d and d["kind"] == "CustomResourceDefinition"]
    return sorted((without_text(d) for d in found), key=lambda d: d["metadata"]["name"])


def without_text(node):
    if isinstance(node, dict):
        return {k: without_text(v) for k, v in node.items() if k != "description" or not isinstance(v, str)}
    return [without_text(v) for v in node] if isinstance(node, list) else node


def compact(nodes, least=120):
    """The nodes with what they repeat taken out, and that."""
    count = collections.Counter()

    def notice(node):
        if isinstance(node, dict):
            count[line(node)] += 1
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            notice(child)

    shared, places = [], {}

    def write(node):
        if isinstance(node, list):
            return [write(child) for child in node]
        if not isinstance(node, dict):
            return node
        text = line(node)
        out = {key: write(child) for key, child in node.items()} if text not in places else None
        if len(text) <= least or count[text] == 1:
            return out
        if out is not None:
            places[text] = len(shared)
            shared.append(out)
        return {"$": places[text]}

    for node in nodes:
        notice(node)
    return [write(node) for node in nodes], shared


def line(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def operators(out):
    found, shared = compact(definitions(out))
    write = sys.stdout.write
    write('{"definitions":[\n' + ",\n".join(map(line, found)) + '\n],"shared":[\n' + ",\n".join(map(line, shared)) + "\n]}\n")


def main():
    server = Server(os.environ["KUBECONFIG"])
    groups = [{"name": "", "preferred": "v1", "versions": ["v1"]}]
    for group in server.get("/apis")["groups"]:
        versions = [version["version"] for version in group["versions"]]
        groups.append({"name": group["name"], "preferred": group["preferredVersion"]["version"], "versions": versions})
    types = {}
    for group in groups:
        group["resources"] = {}
        for version in group["versions"]:
            base = f"/apis/{group['name']}/{version}" if group["name"] else f"/api/{version}"
            group["resources"][version] = served(server, base)
            document = server.get("/openapi/v3" + base)
            for name, schema in document["components"]["schemas"].items():
                types[name] = structure(schema)
    write = sys.stdout.write
    write('{"groups":[\n' + ",\n".join(map(line, groups)) + '\n],"access":[\n')
    write(",\n".join(map(line, access(server))) + '\n],"types":{\n')
    write(",\n".join(f"{line(name)}:{line(types[name])}" for name in sorted(types)))
    write("\n}}\n")


if __name__ == "__main__":
    operators(sys.argv[1]) if sys.argv[1:] else main()

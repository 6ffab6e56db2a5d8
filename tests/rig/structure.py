"""The structure of an API server's kinds, as JSON: what it serves, the columns of its tables, the types of its objects.

    tests/rig/rig exec python3 tests/rig/structure.py > src/sandbox/schema/kubernetes.json

Names, types, list kinds, merge keys, defaults, and the roles that every server has: no text. Served by the API-only rig, so that no addon is in it.
"""
import base64
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


def resources(server, base):
    """The resources of a group/version, each with its subresources and the columns of its table."""
    found = {}
    for entry in server.get(base)["resources"]:
        name, _, sub = entry["name"].partition("/")
        kept = {key: entry[key] for key in ("kind", "group", "version", "verbs") if key in entry}
        if sub:
            found[name].setdefault("subresources", {})[sub] = kept
            continue
        for key in ("singularName", "namespaced", "shortNames", "categories", "storageVersionHash"):
            if key in entry:
                kept[key] = entry[key]
        if "list" in entry["verbs"]:
            table = server.get(f"{base}/{name}?limit=1", "application/json;as=Table;g=meta.k8s.io;v=v1")
            kept["columns"] = [
                [c["name"], c["type"], c["format"], c["priority"]] for c in table["columnDefinitions"]
            ]
        found[name] = kept
    return found


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
            group["resources"][version] = resources(server, base)
            document = server.get("/openapi/v3" + base)
            for name, schema in document["components"]["schemas"].items():
                types[name] = structure(schema)
    write = sys.stdout.write
    line = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"))
    write('{"groups":[\n' + ",\n".join(map(line, groups)) + '\n],"access":[\n')
    write(",\n".join(map(line, access(server))) + '\n],"types":{\n')
    write(",\n".join(f"{line(name)}:{line(types[name])}" for name in sorted(types)))
    write("\n}}\n")


main()

"""The protobuf form of the kinds of kubernetes.json: the number and the type of each field, as JSON.

    tests/rig/rig exec python3 tests/rig/protobuf.py > src/sandbox/schema/protobuf.json

Read from the `generated.proto` files of the Kubernetes that the rig is built of, and from the tags of its Go types, which name the
fields in JSON. A field is `NUMBER TYPE NAME`: a type may begin with `*` (its zero is a value too), `[]` or `map:`; a name ends with `?`
where the field's zero is not written in JSON; the fields of `=` are those of the object itself.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = {
    "k8s.io.api.": "k8s.io/api",
    "k8s.io.apimachinery.": "k8s.io/apimachinery",
    "k8s.io.apiextensions_apiserver.": "k8s.io/apiextensions-apiserver",
    "k8s.io.kube_aggregator.": "k8s.io/kube-aggregator",
}
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
# Types whose JSON is no object of their fields.
SPECIAL = {
    META + "Time": "time",
    META + "MicroTime": "microtime",
    META + "FieldsV1": "json",
    META + "Verbs": "strings",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intorstring",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "json",
    EXTENSIONS + "JSON": "json",
    EXTENSIONS + "JSONSchemaPropsOrBool": "orbool",
    EXTENSIONS + "JSONSchemaPropsOrArray": "orarray",
    EXTENSIONS + "JSONSchemaPropsOrStringArray": "orstrings",
}
# What is asked for or answered and named by no document.
UNNAMED = ["APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "PartialObjectMetadata", "PartialObjectMetadataList", "Status"]
SCALARS = {"string", "bytes", "bool", "int32", "int64", "double"}
TAG = re.compile(r'^\s+(?:\w+\s+)?(\S+)\s+`json:"([^"]*)"[^`]*protobuf:"\w+,(\d+),', re.M)


def modules():
    """Where the source of each module is."""
    wanted = list(MODULES.values())
    run = ["go", "list", "-m", "-f", "{{.Dir}}", *wanted]
    found = subprocess.run(run, cwd=os.path.join(HERE, "go/kubernetes"), check=True, capture_output=True, text=True)
    return dict(zip(wanted, found.stdout.split()))


def full(name, package):
    """`Pod`, `.k8s.io.api.core.v1.Pod` as the documents name it: `io.k8s.api.core.v1.Pod`."""
    name = name[1:] if name.startswith(".") else f"{package}.{name}"
    return "io.k8s." + name.removeprefix("k8s.io.").replace("_", "-")


def tags(folder):
    """The JSON name of each field of a package, by struct and number: (name, pointer, left out where it is zero)."""
    found = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".go") or file.startswith("generated") or file.endswith("_test.go"):
            continue
        with open(os.path.join(folder, file)) as source:
            text = source.read()
        for struct in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            for kind, tag, number in TAG.findall(struct[2]):
                name, *options = tag.split(",")
                name = "=" if "inline" in options else name
                found[struct[1], int(number)] = (name, kind.startswith("*"), "omitempty" in options)
    return found


def messages(package, folder):
    """The messages of a package: the documents' names, and their fields."""
    with open(os.path.join(folder, "generated.proto")) as file:
        text = re.sub(r"//.*", "", file.read())
    named = tags(folder)
    found = {}
    for message in re.finditer(r"^message (\w+) \{(.*?)^\}", text, re.M | re.S):
        fields = []
        for line in message[2].split(";"):
            line = line.strip()
            if not line or line.startswith("reserved"):
                continue
            kind, number = re.sub(r"map<string, *([\w.]+)>", r"map \1", line).rsplit(" = ", 1)
            label, kind, plain = kind.split()
            name, pointer, bare = named.get((message[1], int(number)), (plain, False, True))
            prefix = {"optional": "*" if pointer else "", "repeated": "[]", "map": "map:"}[label]
            fields.append((int(number), prefix, kind if kind in SCALARS else full(kind, package), name + ("?" if bare else "")))
        found[full(message[1], package)] = fields
    return found


def everything():
    """All messages of the modules."""
    found, roots = {}, modules()
    for prefix, module in MODULES.items():
        root = roots[module]
        for folder, _, files in sorted(os.walk(root)):
            if "generated.proto" in files and "testdata" not in folder:
                package = prefix + os.path.relpath(folder, root).replace("/", ".")
                found.update(messages(package, folder))
    return found


def main():
    with open(os.path.join(HERE, "../../src/sandbox/schema/kubernetes.json")) as file:
        types = json.load(file)["types"]
    known = everything()
    for name, fields in known.items():
        if name.endswith(".ExtraValue"):
            SPECIAL[name] = "strings"
    wanted = [name for name, schema in types.items() if "x-kubernetes-group-version-kind" in schema and name in known]
    wanted += [META + name for name in UNNAMED]
    seen = {}
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen[name] = []
        package = name.rsplit(".", 1)[0] + "."
        for number, prefix, kind, field in sorted(known[name]):
            if kind in SPECIAL:
                kind = SPECIAL[kind]
            elif kind not in SCALARS:
                wanted.append(kind)
                kind = kind.removeprefix(package)
            seen[name].append(f"{number} {prefix}{kind} {field}")
    packages = {}
    for name in sorted(seen):
        package, message = name.rsplit(".", 1)
        packages.setdefault(package, {})[message] = seen[name]
    line = lambda value: json.dumps(value, separators=(",", ":"))
    rows = []
    for package, of in packages.items():
        rows.append(f"{line(package)}:{{\n" + ",\n".join(f"{line(name)}:{line(fields)}" for name, fields in of.items()) + "\n}")
    sys.stdout.write("{\n" + ",\n".join(rows) + "\n}\n")


main()

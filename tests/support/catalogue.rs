//! A catalogue for OLM, served by opm.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::program::built;

/// Serves a catalogue with one package, whose bundle lies in the catalogue itself.
pub fn catalogue(objects: &[Value], folder: &Path, port: u16) -> Command {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    let (package, bundle, version) = ("greeter", "greeter.v1.0.0", "1.0.0");
    let mut properties = vec![
        json!({"type": "olm.package", "value": {"packageName": package, "version": version}}),
        json!({"type": "olm.gvk", "value": {"group": "demo.example.test", "kind": "Greeting", "version": "v1"}}),
    ];
    properties.extend(objects.iter().map(|object| {
        let data = BASE64.encode(object.to_string());
        json!({"type": "olm.bundle.object", "value": {"data": data}})
    }));
    let parts = [
        json!({"schema": "olm.package", "name": package, "defaultChannel": "stable"}),
        json!({"schema": "olm.channel", "name": "stable", "package": package, "entries": [{"name": bundle}]}),
        json!({"schema": "olm.bundle", "name": bundle, "package": package, "properties": properties}),
    ];
    let content = folder.join("catalogue");
    fs::create_dir(&content).unwrap();
    let parts: Vec<String> = parts.iter().map(Value::to_string).collect();
    fs::write(content.join("index.json"), parts.join("\n")).unwrap();
    let mut command = Command::new(built("opm").unwrap());
    command.arg("serve").arg(content);
    command.args([
        "--port",
        &port.to_string(),
        "--termination-log=",
        "--pprof-addr=",
    ]);
    command
}

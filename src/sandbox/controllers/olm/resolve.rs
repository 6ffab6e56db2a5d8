//! Resolution: which bundle a Subscription comes to, or why to none, in the words of OLM's solver.
//! <https://github.com/operator-framework/operator-lifecycle-manager/tree/master/pkg/controller/registry/resolver>

use std::sync::Arc;

use serde_json::Value;

use super::{
    catalog::{self, Bundle},
    text,
};
use crate::sandbox::verbs::name;

/// The bundle that a Subscription asks for.
///
/// `connected` tells whether its catalogue is there; `others` are the namespace's CSVs that no Subscription has.
pub fn resolve(
    subscription: &Value,
    connected: bool,
    others: &[Arc<Value>],
) -> Result<&'static Bundle, String> {
    let spec = &subscription["spec"];
    let (source, namespace) = (text(spec, "/source"), text(spec, "/sourceNamespace"));
    let (package, channel) = (text(spec, "/name"), text(spec, "/channel"));
    let own = name(subscription);
    let none = |why: String| {
        format!(
            "constraints not satisfiable: {why} referenced by subscription {own}, subscription {own} exists"
        )
    };
    let offered: Vec<&'static Bundle> = catalog::of(source, namespace).collect();
    if !connected || offered.is_empty() {
        return Err(none(format!(
            "no operators found from catalog {source} in namespace {namespace}"
        )));
    }
    let of_package: Vec<_> = offered.iter().filter(|b| b.package == package).collect();
    if of_package.is_empty() {
        return Err(none(format!(
            "no operators found in package {package} in the catalog"
        )));
    }
    let mut in_channel = of_package
        .into_iter()
        .filter(|b| channel.is_empty() || b.channel == channel);
    let Some(bundle) = in_channel.next() else {
        return Err(none(format!(
            "no operators found in channel {channel} of package {package} in the catalog"
        )));
    };
    let starting = text(spec, "/startingCSV");
    if !starting.is_empty() && starting != bundle.name() {
        return Err(none(format!(
            "no operators found with name {starting} in channel {channel} of package {package} in the catalog"
        )));
    }
    if let Some(other) = others.iter().find(|o| name(o) == bundle.name()) {
        let (csv, at) = (name(other), text(other, "/metadata/namespace"));
        let offer = format!("{source}/{namespace}/{}/{csv}", bundle.channel);
        return Err(format!(
            "constraints not satisfiable: @existing/{at}//{csv} and {offer} originate from package {package}, subscription {own} requires {offer}, subscription {own} exists, clusterserviceversion {csv} exists and is not referenced by a subscription"
        ));
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subscription(change: &Value) -> Value {
        let mut spec = json!({
            "name": "prometheus", "channel": "beta", "source": "operatorhubio-catalog", "sourceNamespace": "olm",
        });
        for (key, value) in change.as_object().unwrap() {
            spec[key] = value.clone();
        }
        json!({"metadata": {"name": "p"}, "spec": spec})
    }

    #[test]
    fn what_can_not_be_had_is_told_as_olm_tells_it() {
        let found = resolve(&subscription(&json!({})), true, &[]);
        assert_eq!(found.unwrap().name(), "prometheusoperator.v0.85.0");
        for (change, why) in [
            (
                json!({"name": "x"}),
                "no operators found in package x in the catalog",
            ),
            (
                json!({"channel": "x"}),
                "no operators found in channel x of package prometheus in the catalog",
            ),
            (
                json!({"source": "x"}),
                "no operators found from catalog x in namespace olm",
            ),
            (
                json!({"startingCSV": "x"}),
                "no operators found with name x in channel beta of package prometheus in the catalog",
            ),
        ] {
            assert_eq!(
                resolve(&subscription(&change), true, &[]).unwrap_err(),
                format!(
                    "constraints not satisfiable: {why} referenced by subscription p, subscription p exists"
                )
            );
        }
        let other = json!({"metadata": {"name": "prometheusoperator.v0.85.0", "namespace": "n"}});
        let refused = resolve(&subscription(&json!({})), true, &[Arc::new(other)]);
        assert!(refused.unwrap_err().contains("@existing/n//prometheusoperator.v0.85.0 and operatorhubio-catalog/olm/beta/prometheusoperator.v0.85.0 originate from package prometheus"));
    }
}

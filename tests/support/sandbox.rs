//! A sandbox in this process, as its administrator.

use std::sync::Arc;

use ccnr::sandbox::{
    authz::User,
    clock::Clock,
    controllers,
    flavour::Flavour,
    instance,
    registry::Registry,
    serve::{authn::Tokens, serve, tls::Authority},
    verbs::Api,
};

/// The administrator's token.
pub const TOKEN: &str = "admin";

/// Where it is, and the certificate to trust, in PEM.
pub struct Sandbox {
    pub server: String,
    pub certificate: String,
}

/// Starts one, which lasts as long as the runtime: an API server with the controllers of `kube-controller-manager`, but without
/// a node, as the API-only rig has it.
pub async fn start() -> Sandbox {
    let api = Arc::new(Api::new(Registry::kubernetes(), Clock::of_machine()));
    let controllers = controllers::all(Flavour::Kubernetes)
        .into_iter()
        .filter(|c| c.program() == "kube-controller-manager")
        .collect();
    tokio::spawn(instance::Sandbox::around(Arc::clone(&api), controllers).run());
    let mut tokens = Tokens::default();
    tokens.add(TOKEN, User::admin("admin"));
    start_with(api, tokens).await
}

/// Starts one with a node and all controllers, as the rig has it: what is simulated goes ten times as fast.
pub async fn start_whole() -> Sandbox {
    let sandbox = instance::Sandbox::new(Flavour::KubernetesOlm, Clock::at_speed(10.0));
    let api = Arc::clone(&sandbox.api);
    tokio::spawn(sandbox.run());
    let mut tokens = Tokens::default();
    tokens.add(TOKEN, User::admin("admin"));
    start_with(api, tokens).await
}

/// Serves an API to those who have these tokens.
pub async fn start_with(api: Arc<Api>, tokens: Tokens) -> Sandbox {
    let authority = Authority::new().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    let certificate = authority.certificate.clone();
    api.set_certificate(&certificate);
    tokio::spawn(serve(api, tokens, authority, listener));
    Sandbox {
        server,
        certificate,
    }
}

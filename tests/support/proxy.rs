//! A proxy in front of an API server that can be told to misbehave.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on.
    None,
    /// 429 with `Retry-After: 0`.
    Busy,
    /// 503.
    Down,
    /// 401, as for an expired token.
    Expired,
    /// The connection is cut before there is an answer.
    Reset,
    /// The answer is cut in its middle.
    Cut,
    /// There is no answer for a long time.
    Stall,
    /// 200 with a page for people, as of a portal where one has to log in.
    Page,
}

/// Which requests are met by the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Every one.
    Always,
    /// One of three.
    EveryThird,
    /// Those whose path holds this.
    On(&'static str),
}

impl Rate {
    fn meets(self, number: usize, path: &str) -> bool {
        match self {
            Self::Always => true,
            Self::EveryThird => number.is_multiple_of(3),
            Self::On(part) => path.contains(part),
        }
    }
}

/// A running proxy.
pub struct Proxy {
    mode: Arc<Mutex<(Fault, Rate)>>,
    /// A kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// Starts a proxy to the API server of a kubeconfig; its own kubeconfig lies in `folder`.
    pub fn start(upstream: &Path, folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mode = Arc::new(Mutex::new((Fault::None, Rate::Always)));
        let shared = Arc::clone(&mode);
        let config = kube::config::Kubeconfig::read_from(upstream).unwrap();
        let address = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(config, &<_>::default())
                .await
                .unwrap();
            let client = kube::Client::try_from(config).unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, client, shared));
            address
        });
        let kubeconfig = folder.join("proxy.kubeconfig");
        std::fs::write(&kubeconfig, kubeconfig_of(address)).unwrap();
        Self {
            mode,
            kubeconfig,
            _runtime: runtime,
        }
    }

    /// Lets requests meet a fault from now on.
    pub fn set(&self, fault: Fault, rate: Rate) {
        *self.mode.lock().unwrap() = (fault, rate);
    }
}

fn kubeconfig_of(address: SocketAddr) -> String {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "admin", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "admin"}}],
    })
    .to_string()
}

async fn serve(
    listener: tokio::net::TcpListener,
    client: kube::Client,
    mode: Arc<Mutex<(Fault, Rate)>>,
) {
    let count = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let (client, mode, count) = (client.clone(), Arc::clone(&mode), Arc::clone(&count));
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request: Request<Incoming>| {
                let (fault, rate) = *mode.lock().unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let met = rate.meets(number, request.uri().path());
                answer(
                    client.clone(),
                    request,
                    if met { fault } else { Fault::None },
                )
            });
            // A connection that ends with an error is what some faults are.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The error ends the connection.
async fn answer(
    client: kube::Client,
    request: Request<Incoming>,
    fault: Fault,
) -> Result<Response<Body>, std::io::Error> {
    let status = |code: StatusCode, reason: &str| {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "code": code.as_u16(),
        });
        let whole = Full::new(Bytes::from(body.to_string()))
            .map_err(never)
            .boxed_unsync();
        Response::builder()
            .status(code)
            .header("Content-Type", "application/json")
            .header("Retry-After", "0")
            .body(whole)
            .map_err(std::io::Error::other)
    };
    match fault {
        Fault::Busy => return status(StatusCode::TOO_MANY_REQUESTS, "too many requests"),
        Fault::Down => return status(StatusCode::SERVICE_UNAVAILABLE, "the server is starting"),
        Fault::Expired => return status(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Fault::Reset => return Err(std::io::Error::other("reset")),
        Fault::Page => {
            let page = Full::new(Bytes::from("<html><h1>Log in</h1></html>"));
            return Response::builder()
                .header("Content-Type", "text/html")
                .body(page.map_err(never).boxed_unsync())
                .map_err(std::io::Error::other);
        }
        Fault::Stall => tokio::time::sleep(Duration::from_secs(60)).await,
        Fault::Cut | Fault::None => {}
    }
    let (mut head, body) = request.into_parts();
    head.headers.remove(http::header::HOST);
    let body = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let passed = Request::from_parts(head, kube::client::Body::from(body));
    let (mut head, body) = client
        .send(passed)
        .await
        .map_err(std::io::Error::other)?
        .into_parts();
    head.headers.remove(http::header::TRANSFER_ENCODING);
    let whole = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    if fault == Fault::Cut {
        // More is promised than comes.
        head.headers
            .insert(http::header::CONTENT_LENGTH, (whole.len() + 10).into());
        let half = whole.slice(..whole.len() / 2);
        let broken = futures::stream::iter([
            Ok(hyper::body::Frame::data(half)),
            Err(std::io::Error::other("cut")),
        ]);
        return Ok(Response::from_parts(
            head,
            http_body_util::StreamBody::new(broken).boxed_unsync(),
        ));
    }
    Ok(Response::from_parts(
        head,
        Full::new(whole).map_err(never).boxed_unsync(),
    ))
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;

fn never(never: Infallible) -> std::io::Error {
    match never {}
}

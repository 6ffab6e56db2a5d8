//! A cluster that is far away: connections to the API server of a kubeconfig, delayed both ways.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kube::config::Kubeconfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// The largest piece that is passed on at once, in bytes.
const PIECE: usize = 64 << 10;

/// A way to the API server that takes its time.
pub(crate) struct Distance {
    /// A kubeconfig that leads over it.
    pub(crate) kubeconfig: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Distance {
    /// Puts the API server of a kubeconfig half a `round_trip` away in either direction; its own kubeconfig lies in `folder`.
    pub(crate) fn new(upstream: &Path, round_trip: Duration, folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut config = Kubeconfig::read_from(upstream).unwrap();
        let cluster = config.clusters[0].cluster.as_mut().unwrap();
        let url: http::Uri = cluster.server.as_ref().unwrap().parse().unwrap();
        let server = format!("{}:{}", url.host().unwrap(), url.port_u16().unwrap_or(443));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        cluster.server = Some(format!("https://{}", listener.local_addr().unwrap()));
        // The certificate is of the server behind.
        cluster.tls_server_name = url.host().map(str::to_owned);
        runtime.spawn(accept(listener, server, round_trip / 2));
        let kubeconfig = folder.join("distant.kubeconfig");
        std::fs::write(&kubeconfig, serde_json::to_string(&config).unwrap()).unwrap();
        Self {
            kubeconfig,
            _runtime: runtime,
        }
    }
}

async fn accept(listener: TcpListener, server: String, delay: Duration) {
    while let Ok((near, _)) = listener.accept().await {
        let server = server.clone();
        tokio::spawn(async move {
            let far = TcpStream::connect(server).await.unwrap();
            for stream in [&near, &far] {
                stream.set_nodelay(true).unwrap();
            }
            let (from_near, to_near) = near.into_split();
            let (from_far, to_far) = far.into_split();
            tokio::spawn(carry(from_near, to_far, delay));
            carry(from_far, to_near, delay).await;
        });
    }
}

/// Carries bytes one way. Each arrives after the delay, however many are under way.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
) {
    let (sent, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = arriving.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let arrives = Instant::now() + delay;
        if sent.send((arrives, piece[..length].to_vec())).is_err() {
            return;
        }
    }
}

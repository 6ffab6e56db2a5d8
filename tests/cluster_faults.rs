//! An API server that misbehaves: every call ends within its bounds, in words, and what can be repeated is.
#![allow(clippy::unwrap_used)] // Helpers of tests, which clippy does not know as such.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ccnr::cluster::{
    Cluster,
    call::{Call, Limits},
    connect::Source,
    snapshot::ObstacleKind,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What the server does with one connection.
#[derive(Clone, Copy)]
enum Act {
    Answer(&'static str),
    Reset,
    Stall,
}

const OK: Act = Act::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
const BUSY: Act = Act::Answer(
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
);
const DOWN: Act = Act::Answer(
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
);
const SHORT: Act =
    Act::Answer("HTTP/1.1 200 OK\r\nContent-Length: 90\r\nConnection: close\r\n\r\n{\"a\":");

/// Serves the acts in turn, the last one for ever; counts the requests.
async fn server(acts: &'static [Act]) -> (Cluster, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let number = counted.fetch_add(1, Ordering::SeqCst);
            match acts[number.min(acts.len() - 1)] {
                Act::Answer(text) => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
                Act::Reset => drop(stream),
                Act::Stall => {
                    tokio::spawn(async move {
                        let _held = stream;
                        std::future::pending::<()>().await;
                    });
                }
            }
        }
    });
    let kubeconfig = serde_json::from_value(serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }));
    let limits = Limits {
        attempt: Duration::from_millis(300),
        total: Duration::from_millis(900),
        pause: Duration::from_millis(5),
    };
    (
        Cluster::connect(
            Source::Kubeconfig(Box::new(kubeconfig.unwrap())),
            None,
            limits,
        )
        .await
        .unwrap(),
        count,
    )
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let (cluster, count) = server(&[BUSY, DOWN, Act::Reset, SHORT, OK]).await;
    let (status, body) = cluster.send(&Call::get("get x", "/api/x")).await.unwrap();
    assert_eq!((status.as_u16(), body.as_slice()), (200, b"{}".as_slice()));
    assert_eq!(count.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_server_that_stays_down_is_given_up_within_the_bounds() {
    let (cluster, count) = server(&[DOWN]).await;
    let (status, _) = cluster.send(&Call::get("get x", "/api/x")).await.unwrap();
    assert_eq!(status.as_u16(), 503);
    assert!(count.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout() {
    let (cluster, _) = server(&[Act::Stall]).await;
    let obstacle = cluster
        .send(&Call::get("get x", "/api/x"))
        .await
        .unwrap_err();
    assert_eq!(obstacle.kind, ObstacleKind::Timeout);
    assert!(
        obstacle.message.en.starts_with("get x: http://127.0.0.1:"),
        "{obstacle}"
    );
}

#[tokio::test]
async fn what_may_not_be_repeated_is_sent_once() {
    let (cluster, count) = server(&[Act::Reset]).await;
    let call = Call {
        repeatable: false,
        ..Call::get("start a build", "/x")
    };
    let obstacle = cluster.send(&call).await.unwrap_err();
    assert_eq!(obstacle.kind, ObstacleKind::Connection);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

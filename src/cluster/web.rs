//! A plain HTTP request from the learner's own machine, as a browser would send it.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::snapshot::{Answer, Obstacle, ObstacleKind, WebRef};
use crate::lab::text::Text;

/// Where web servers listen.
const PORT: u16 = 80;
/// Time to connect, and again for the request.
const LIMIT: Duration = Duration::from_secs(5);
/// The largest body that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Gets a page; where the cluster's router is known, from there.
pub(super) async fn get(web: &WebRef, router: Option<&str>) -> Result<Answer, Obstacle> {
    let host = web.address.as_deref().unwrap_or(&web.host);
    let known = router.and_then(|r| r.rsplit_once(':'));
    let known = known.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (address, port): (&str, u16) = known.unwrap_or((host, PORT));
    let failed = |kind: ObstacleKind, why: String| Obstacle {
        kind,
        message: Text::new(
            format!("http://{}{} gave no answer: {why}", web.host, web.path),
            format!(
                "http://{}{} から応答がありません: {why}",
                web.host, web.path
            ),
        ),
        next: Text::new(
            format!(
                "can your computer reach {address}, port {port}? Check the network and the VPN"
            ),
            format!(
                "このコンピューターから {address} のポート {port} に届きますか？ネットワークと VPN を確認してください"
            ),
        ),
        status: None,
    };
    let late = || format!("not within {} s", LIMIT.as_secs());
    let connect = TcpStream::connect((address, port));
    let stream = match tokio::time::timeout(LIMIT, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(ObstacleKind::Unreachable, error.to_string())),
        Err(_) => return Err(failed(ObstacleKind::Unreachable, late())),
    };
    match tokio::time::timeout(LIMIT, exchange(stream, web)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(ObstacleKind::Connection, error.to_string())),
        Err(_) => Err(failed(ObstacleKind::Connection, late())),
    }
}

async fn exchange(
    stream: TcpStream,
    web: &WebRef,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(&web.path)
        .header(http::header::HOST, &web.host)
        .body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    driver.abort();
    Ok(Answer::Http {
        status: head.status.as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

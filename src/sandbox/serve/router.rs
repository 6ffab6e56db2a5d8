//! Plain HTTP by host: what a browser outside the cluster sees of Routes and Ingresses.

use std::{convert::Infallible, io, sync::Arc};

use http::{Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{next, request::decode};
use crate::sandbox::{
    router::{Answer, Request, Router},
    verbs::Api,
};

/// Answers connections until the listener fails.
pub async fn serve(api: Arc<Api>, listener: TcpListener) -> io::Result<()> {
    let router = Arc::new(Router::default());
    loop {
        let stream = next(&listener).await?;
        let (api, router) = (Arc::clone(&api), Arc::clone(&router));
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let answer = whole(answer(&api, &router, &request));
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that goes away is no trouble of ours.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(api: &Api, router: &Router, request: &http::Request<Incoming>) -> Answer {
    let header = request.headers().get(header::HOST);
    let header = header.and_then(|h| h.to_str().ok()).unwrap_or_default();
    // A plus is a plus in a path.
    let path = decode(&request.uri().path().replace('+', "%2B"));
    let asked = Request {
        method: request.method().as_str(),
        host: header,
        path: &path,
        query: request.uri().query().unwrap_or_default(),
    };
    router.answer(api, &asked)
}

fn whole(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    if !answer.content_type.is_empty() {
        let kind = header::HeaderValue::from_static(answer.content_type);
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(place) = answer
        .location
        .and_then(|l| header::HeaderValue::from_bytes(l.as_bytes()).ok())
    {
        headers.insert(header::LOCATION, place);
    }
    response
}

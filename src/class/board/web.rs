//! A board served over HTTP: a page, and what changes of it as server-sent events. Read-only; who has no token finds nothing.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use super::picture::{Picture, Shown};

/// Who may listen at once.
const LISTENERS: usize = 100;
/// How often a listener hears that the connection is alive.
const ALIVE: Duration = Duration::from_secs(15);
/// The pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);
/// Nothing from elsewhere, nothing inline, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is served beside the events.
pub struct Site {
    /// What the path begins with; whoever has it may look.
    pub token: String,
    /// The page of a picture.
    pub page: fn(&Shown) -> String,
    /// The board as JSON.
    pub json: fn(&Shown) -> String,
    /// The page's style sheet.
    pub style: &'static str,
    /// The page's script.
    pub script: &'static str,
}

struct Server {
    site: Site,
    board: watch::Receiver<Arc<Shown>>,
    listeners: AtomicUsize,
}

/// A token that nobody guesses: 128 bits of the machine's own randomness, as hexadecimal digits.
pub fn token() -> io::Result<String> {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("this machine has no randomness"))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Answers until the listener fails.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    board: watch::Receiver<Arc<Shown>>,
) -> io::Result<()> {
    let server = Arc::new(Server {
        site,
        board,
        listeners: AtomicUsize::new(0),
    });
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, Infallible>(server.answer(&request)) }
            });
            // Who goes away is no trouble of ours.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

impl Server {
    fn answer(self: &Arc<Self>, request: &Request<Incoming>) -> Response<Body> {
        let mut parts = request.uri().path().trim_start_matches('/').splitn(2, '/');
        let (token, rest) = (parts.next().unwrap_or_default(), parts.next());
        if !same(token, &self.site.token) {
            return refused(StatusCode::NOT_FOUND, "there is nothing here\n");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "this board is only for looking at\n",
            );
        }
        let board = || Arc::clone(&self.board.borrow());
        match rest {
            // The page's other parts are named relative to its folder.
            None => Response::builder()
                .status(StatusCode::TEMPORARY_REDIRECT)
                .header(header::LOCATION, format!("/{token}/"))
                .body(whole(""))
                .unwrap_or_default(),
            Some("") => found("text/html; charset=utf-8", (self.site.page)(&board())),
            Some("board.css") => found("text/css; charset=utf-8", self.site.style),
            Some("board.js") => found("text/javascript; charset=utf-8", self.site.script),
            Some("board.json") => found("application/json", (self.site.json)(&board())),
            Some("events") => self.events(request),
            Some(_) => refused(StatusCode::NOT_FOUND, "there is nothing here\n"),
        }
    }

    fn events(self: &Arc<Self>, request: &Request<Incoming>) -> Response<Body> {
        let Some(place) = Place::take(self) else {
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many are looking at this board\n",
            );
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        // A browser that comes back says what it has heard last; the page says which picture it is.
        let last = request
            .headers()
            .get("last-event-id")
            .and_then(|v| v.to_str().ok())
            .and_then(number);
        let query = request.uri().query().unwrap_or_default();
        let has = last.or_else(|| query.strip_prefix("from=").and_then(number));
        let body =
            StreamBody::new(events(place, has).map(|text| Ok(Frame::data(Bytes::from(text)))));
        let response = headed("text/event-stream").body(BodyExt::boxed_unsync(body));
        response.unwrap_or_default()
    }
}

/// The place of a listener, which is free again when this is dropped.
struct Place {
    server: Arc<Server>,
    board: watch::Receiver<Arc<Shown>>,
}

impl Place {
    fn take(server: &Arc<Server>) -> Option<Self> {
        let taken = server.listeners.fetch_add(1, Ordering::Relaxed);
        let place = Self {
            server: Arc::clone(server),
            board: server.board.clone(),
        };
        (taken < LISTENERS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What changed since the picture that a listener has, again and again.
fn events(place: Place, has: Option<u64>) -> Pin<Box<dyn Stream<Item = String> + Send>> {
    let now = Arc::clone(&place.board.borrow());
    let before = Some(now).filter(|now| has == Some(now.version));
    Box::pin(stream::unfold(
        (place, before),
        |(mut place, before)| async move {
            loop {
                let now = Arc::clone(&place.board.borrow_and_update());
                if before.as_ref().is_none_or(|b| b.version != now.version) {
                    let base = before.as_ref().map(|b| &b.picture);
                    let text = event(now.version, &now.picture, base);
                    return Some((text, (place, Some(now))));
                }
                match timeout(ALIVE, place.board.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    // A line that begins with a colon is for nobody.
                    Err(_) => return Some((":\n\n".to_owned(), (place, before))),
                }
            }
        },
    ))
}

fn event(version: u64, now: &Picture, before: Option<&Picture>) -> String {
    format!(
        "id: {version}\nevent: board\ndata: {}\n\n",
        now.since(before)
    )
}

/// Whether two tokens are the same, in a time that does not tell how far they are.
fn same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

fn whole(text: impl Into<Bytes>) -> Body {
    BodyExt::boxed_unsync(Full::new(text.into()))
}

fn headed(kind: &str) -> http::response::Builder {
    Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header("cross-origin-resource-policy", "same-origin")
}

fn found(kind: &str, text: impl Into<Bytes>) -> Response<Body> {
    headed(kind).body(whole(text)).unwrap_or_default()
}

fn refused(status: StatusCode, text: &'static str) -> Response<Body> {
    let response = headed("text/plain; charset=utf-8")
        .status(status)
        .body(whole(text));
    response.unwrap_or_default()
}

//! `ccnr class board --serve`.

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch};

use super::board::Show;
use crate::{
    class::board::{
        Board, Watcher,
        picture::Shown,
        web::{self, Site},
    },
    cli::desk::Desk,
    lab::text::{Lang, Text},
    ui::{board, board_page},
};

/// Serves the board as a page until Ctrl-C.
pub(super) async fn run(
    desk: &Desk,
    show: Show,
    watcher: Watcher,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| anyhow::anyhow!("{address} can't be listened at: {e}"))?;
    let address = listener.local_addr()?;
    let token = web::token()?;
    let lang = desk.style.lang;
    let picture = |found: &Board, version| {
        let board = show.shown(found);
        Arc::new(Shown {
            version,
            picture: board_page::picture(&board, lang),
            board,
        })
    };
    let (tell, board) = watch::channel(picture(watcher.board(), 1));
    desk.print(&format!("http://{address}/{token}/\n"))?;
    if !address.ip().is_loopback() {
        desk.notice(&Text::new(
            "the page is not encrypted on its way: only for a network that you trust",
            "ページは暗号化されずに送られます。信頼できるネットワークだけで使ってください",
        ));
    }
    let site = Site {
        token,
        page: match lang {
            Lang::En => |shown| board_page::live(shown, Lang::En),
            Lang::Ja => |shown| board_page::live(shown, Lang::Ja),
        },
        json: match lang {
            Lang::En => |shown| board::json(&shown.board, Lang::En).to_string(),
            Lang::Ja => |shown| board::json(&shown.board, Lang::Ja).to_string(),
        },
        style: board_page::STYLE,
        script: board_page::SCRIPT,
    };
    let follow = watcher.follow(|found| {
        let before = Arc::clone(&tell.borrow());
        let now = picture(found, before.version + 1);
        if now.picture != before.picture {
            tell.send_replace(now);
        }
        true
    });
    tokio::select! {
        () = follow => Ok(()),
        ended = web::serve(listener, site, board) => Ok(ended?),
    }
}

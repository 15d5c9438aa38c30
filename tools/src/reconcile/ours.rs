//! What the hub has: from its folder, or as a running hub answers.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use ordo_client::rest;
use ordo_core::proto::{Account, AssetPosition, BigNumber, CashPosition, TimestampWithTimeZone};
use prost::Message;

use super::{Kind, Records};
use crate::listed::Listed;
use crate::place::{self, Place};
use crate::replay::{Progress, of_replay, open_beginning, open_newest};
use crate::{Failure, check_folder};

/// Where to look.
pub(super) enum Source {
    Folder { data: PathBuf, as_at: Option<Place> },
    Hub { addr: SocketAddr, token: Option<String>, as_at: Option<String> },
}

impl Source {
    pub(super) fn of(
        data: Option<PathBuf>,
        hub: Option<String>,
        token: Option<String>,
        as_at: Option<Place>,
    ) -> Result<Source, Failure> {
        let Some(hub) = hub else {
            let data = data.unwrap_or_else(|| "./data".into());
            check_folder(&data)?;
            return Ok(Source::Folder { data, as_at });
        };
        let as_at = match as_at {
            None => None,
            Some(Place::Time(nanos)) => TimestampWithTimeZone::from_unix_nanos(nanos).to_iso().ok(),
            Some(_) => return Err(Failure::with_code(2, "--as-at: a hub answers for times, not for positions")),
        };
        Ok(Source::Hub { addr: address(&hub)?, token, as_at })
    }

    /// The records of each kind.
    pub(super) fn records(&self, kinds: &[Kind]) -> Result<Vec<Records>, Failure> {
        match self {
            Source::Folder { data, as_at } => {
                // A snapshot may be later than what is asked for.
                let mut replay = match as_at {
                    Some(place) => open_beginning(data, std::slice::from_ref(place))?,
                    None => open_newest(data)?,
                };
                let bar = Progress::new();
                place::fold(&mut replay, as_at.as_ref(), |_| bar.tick()).map_err(of_replay)?;
                place::check_are_named(&mut replay, as_at)?;
                let views = replay.views();
                let records = kinds.iter().map(|kind| match kind {
                    Kind::Balance => records(views.balances().iter().map(|it| decoded::<CashPosition>(&it.bytes))),
                    Kind::Holding => records(views.holdings().iter().map(|it| decoded::<AssetPosition>(&it.bytes))),
                });
                records.collect()
            }
            Source::Hub { addr, token, as_at } => {
                let get = |path: &str| get(*addr, path, token.as_deref(), as_at.as_deref());
                let records = kinds.iter().map(|kind| match kind {
                    Kind::Balance => answered::<CashPosition>(&get("/balance")?),
                    Kind::Holding => answered::<AssetPosition>(&get("/holding")?),
                });
                records.collect()
            }
        }
    }
}

/// A record as it is compared.
trait Position: Listed {
    /// What names it, and its figures, both as the kind's columns have them.
    fn parts(self) -> (Vec<String>, Vec<Option<BigNumber>>);
}

impl Position for CashPosition {
    fn parts(self) -> (Vec<String>, Vec<Option<BigNumber>>) {
        let Account { owner_id, account_id } = self.account.unwrap_or_default();
        let figures = vec![self.balance, self.unbooked_transactions, self.unfilled_buys, self.margin];
        (vec![owner_id, account_id, self.currency], figures)
    }
}

impl Position for AssetPosition {
    fn parts(self) -> (Vec<String>, Vec<Option<BigNumber>>) {
        let Account { owner_id, account_id } = self.account.unwrap_or_default();
        (vec![owner_id, account_id, self.exchange, self.code], vec![self.quantity, self.unfilled_sells])
    }
}

fn records<P: Position>(positions: impl Iterator<Item = Result<P, Failure>>) -> Result<Records, Failure> {
    let pairs = positions.map(|position| {
        let (key, figures) = position?.parts();
        Ok((key, figures.into_iter().map(|figure| figure.map(|figure| figure.dec())).collect()))
    });
    pairs.collect()
}

fn decoded<P: Message + Default>(bytes: &[u8]) -> Result<P, Failure> {
    P::decode(bytes).map_err(|error| Failure::with_code(65, format!("a record cannot be read: {error}")))
}

fn answered<P: Position>(answer: &rest::Answer) -> Result<Records, Failure> {
    let positions: Vec<P> = answer.records(P::MESSAGE).map_err(Failure::new)?;
    records(positions.into_iter().map(Ok))
}

fn get(addr: SocketAddr, path: &str, token: Option<&str>, as_at: Option<&str>) -> Result<rest::Answer, Failure> {
    let target = as_at.map_or_else(|| path.to_owned(), |as_at| format!("{path}?asAt={as_at}"));
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("Authorization", &**bearer)).collect();
    rest::request(addr, "GET", &target, &headers, None).map_err(Failure::new)
}

/// `http://HOST:PORT`, with or without a slash behind it.
fn address(url: &str) -> Result<SocketAddr, Failure> {
    let wrong = || Failure::with_code(2, format!("--hub {url}: an address such as http://127.0.0.1:8700"));
    let authority = url.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
    let mut found = authority.to_socket_addrs().map_err(|_| wrong())?;
    found.next().ok_or_else(wrong)
}

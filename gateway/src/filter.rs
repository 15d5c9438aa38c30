//! What of a view a subscriber wants: the targets of its subscription, as a test of records.
//!
//! A record passes if it matches any Owner or Account value, and every other kind of target given; `Exchange` is
//! ignored for a record without one.

use ordo_core::names::{AccountNo, InstrumentNo, Names};
use ordo_core::proto::SubscriptionTarget;

/// See the module. Verdicts are kept by number: a name is looked at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    owners: Vec<String>,
    /// Owner and account.
    accounts: Vec<(String, String)>,
    exchanges: Vec<String>,
    account_verdicts: Vec<Option<bool>>,
    instrument_verdicts: Vec<Option<bool>>,
}

impl Filter {
    /// # Errors
    /// The code that a subscription with such targets is refused with.
    pub(crate) fn of(targets: &[SubscriptionTarget]) -> Result<Filter, &'static str> {
        let mut filter = Filter::default();
        for target in targets {
            match target.name.as_str() {
                "Owner" => filter.owners.extend_from_slice(&target.values),
                "Account" => {
                    for value in &target.values {
                        let (owner, account) = value.split_once('/').ok_or(BAD_VALUES)?;
                        filter.accounts.push((owner.to_owned(), account.to_owned()));
                    }
                }
                "Exchange" => filter.exchanges.extend_from_slice(&target.values),
                // Where to resume from is no question of which records; feeds name no record of these views.
                "Position" | "Feed" => {}
                _ => return Err(BAD_NAME),
            }
        }
        Ok(filter)
    }

    /// Whether every record passes, now and later.
    #[inline]
    pub(crate) fn passes_all(&self) -> bool {
        self.owners.is_empty() && self.accounts.is_empty() && self.exchanges.is_empty()
    }

    #[inline]
    pub(crate) fn passes(&mut self, names: &Names, account: AccountNo, instrument: Option<InstrumentNo>) -> bool {
        self.passes_account(names, account) && instrument.is_none_or(|no| self.passes_instrument(names, no))
    }

    fn passes_account(&mut self, names: &Names, no: AccountNo) -> bool {
        if self.owners.is_empty() && self.accounts.is_empty() {
            return true;
        }
        let Filter { owners, accounts, account_verdicts, .. } = self;
        kept(account_verdicts, no.index(), || {
            let name = names.account(no);
            owners.iter().any(|owner| **owner == *name.owner)
                || accounts.iter().any(|(owner, account)| **owner == *name.owner && **account == *name.account)
        })
    }

    fn passes_instrument(&mut self, names: &Names, no: InstrumentNo) -> bool {
        if self.exchanges.is_empty() {
            return true;
        }
        let Filter { exchanges, instrument_verdicts, .. } = self;
        kept(instrument_verdicts, no.index(), || {
            let exchange = &names.instrument(no).exchange;
            exchange.is_empty() || exchanges.iter().any(|wanted| **wanted == **exchange)
        })
    }
}

const BAD_NAME: &str = "Data.Deserialise Subscription.Targets.Name";
const BAD_VALUES: &str = "Data.Deserialise Subscription.Targets.Values";

fn kept(verdicts: &mut Vec<Option<bool>>, at: usize, decide: impl FnOnce() -> bool) -> bool {
    if verdicts.len() <= at {
        verdicts.resize(at + 1, None);
    }
    *verdicts[at].get_or_insert_with(decide)
}

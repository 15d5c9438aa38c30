//! Definitions of accounts and owners that are renamed: they go along, unless the new name is defined already.

use super::super::Engine;
use super::rename::Renamed;
use crate::metadata::Details;
use crate::outcome::{MetadataKind, Outcome};
use crate::proto::{Account, Permissions};

impl Engine {
    /// Whether any definition has the old name.
    pub(super) fn is_defined(&self, of: &Renamed) -> bool {
        let metadata = &self.state.metadata;
        match of {
            Renamed::Symbol { .. } | Renamed::Currency { .. } => false,
            Renamed::Account { from: [owner, account], .. } => metadata.account(owner, account).is_some(),
            Renamed::Owner { from, .. } => {
                metadata.owner(from).is_some()
                    || metadata.all_under(MetadataKind::Account, from).next().is_some()
                    || self.permissions_for(from).next().is_some()
            }
        }
    }

    pub(super) fn move_definitions(&mut self, of: &Renamed, out: &mut Outcome) {
        match of {
            Renamed::Symbol { .. } | Renamed::Currency { .. } => {}
            Renamed::Account { from: [owner, account], to: [new_owner, new_account] } => {
                self.move_account_definition([owner, account], [new_owner, new_account], out);
            }
            Renamed::Owner { from, to } => self.move_owner_definitions(from, to, out),
        }
    }

    fn move_owner_definitions(&mut self, from: &str, to: &str, out: &mut Outcome) {
        if let Some(mut details) = self.state.metadata.owner(from).cloned() {
            self.undefine(Details::of_key(MetadataKind::Owner, from, ""), out);
            if self.state.metadata.owner(to).is_none() {
                details.owner_id = to.into();
                self.define(Details::Owner(Box::new(details)), out);
            }
        }
        let accounts = self.state.metadata.all_under(MetadataKind::Account, from);
        let accounts: Vec<String> = accounts.map(|record| record.details.key().1.to_owned()).collect();
        for account in accounts {
            self.move_account_definition([from, &account], [to, &account], out);
        }
        let permissions: Vec<Permissions> = self.permissions_for(from).cloned().collect();
        for mut permissions in permissions {
            let is_there = permissions.owners.iter().any(|owner| owner == to);
            permissions.owners.retain(|owner| !(is_there && owner == from));
            permissions.owners.iter_mut().filter(|owner| *owner == from).for_each(|owner| *owner = to.into());
            self.define(Details::Identity(Box::new(permissions)), out);
        }
    }

    /// The new name's own definition stays where there is one.
    fn move_account_definition(&mut self, from: [&str; 2], to: [&str; 2], out: &mut Outcome) {
        let Some(mut details) = self.state.metadata.account(from[0], from[1]).cloned() else { return };
        self.undefine(Details::of_key(MetadataKind::Account, from[0], from[1]), out);
        if self.state.metadata.account(to[0], to[1]).is_none() {
            details.account = Some(Account { owner_id: to[0].into(), account_id: to[1].into() });
            self.define(Details::Account(Box::new(details)), out);
        }
    }

    fn permissions_for(&self, owner: &str) -> impl Iterator<Item = &Permissions> {
        self.state.metadata.all(MetadataKind::Identity).filter_map(move |record| match &record.details {
            Details::Identity(permissions) if permissions.owners.iter().any(|known| known == owner) => {
                Some(&**permissions)
            }
            _ => None,
        })
    }
}

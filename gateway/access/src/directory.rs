//! `Directory`: the identity sources and identities registered at one moment. Immutable once it is published: a change
//! makes another, which shares the unchanged entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordo_core::metadata::{Details, Metadata};
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{IdentitySource, Permissions};

use crate::feature::Feature;
use crate::identity::Identity;
use crate::source::{Source, SourceFault};

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Directory {
    sources: BTreeMap<Arc<str>, Result<Arc<Source>, Arc<SourceFault>>>,
    /// By source, then by code.
    identities: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Registered>>,
    /// How many identities have ever been registered.
    lives: u64,
}

/// An identity.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) identity: Arc<Identity>,
    /// Stays when it is defined again, and is another after it was removed.
    pub(crate) life: u64,
}

impl Directory {
    pub(crate) fn has_no_sources(&self) -> bool {
        self.sources.is_empty()
    }

    pub(crate) fn has_admin(&self) -> bool {
        self.registered().any(|registered| registered.identity.has(Feature::Admin))
    }

    /// Sources that verify tokens, in the order of their codes.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values().filter_map(|source| source.as_ref().ok())
    }

    /// Whether this very source is registered.
    pub(crate) fn has_source(&self, source: &Arc<Source>) -> bool {
        matches!(self.sources.get(&*source.code), Some(Ok(registered)) if Arc::ptr_eq(registered, source))
    }

    pub(crate) fn identity(&self, source: &str, code: &str) -> Option<&Registered> {
        self.identities.get(source)?.get(code)
    }

    /// Sources that verify no tokens, and those whose keys could not be loaded lately: code and reason.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let faults = self.sources.iter().filter_map(|(code, source)| {
            let fault = source.as_ref().map_or_else(|fault| Some(fault.to_string()), |source| source.fault());
            Some((code.to_string(), fault?))
        });
        faults.collect()
    }

    /// Definitions of other kinds are of no interest.
    pub(crate) fn define(&mut self, details: &Details) {
        match details {
            Details::Identity(permissions) => self.define_identity(permissions),
            Details::IdentitySource(source) => self.define_source(source),
            _ => {}
        }
    }

    pub(crate) fn undefine(&mut self, kind: MetadataKind, first: &str, second: &str) {
        match kind {
            MetadataKind::IdentitySource => {
                self.sources.remove(first);
            }
            MetadataKind::Identity => {
                self.identities.get_mut(first).and_then(|identities| identities.remove(second));
            }
            _ => {}
        }
    }

    /// The directory of these definitions; unchanged sources keep their keys, registered identities their life.
    pub(crate) fn replaced(&self, metadata: &Metadata) -> Directory {
        let kinds = [MetadataKind::IdentitySource, MetadataKind::Identity];
        let mut next = self.clone();
        next.sources.retain(|code, _| metadata.identity_source(code).is_some());
        for (source, identities) in &mut next.identities {
            identities.retain(|code, _| metadata.identity(source, code).is_some());
        }
        kinds.into_iter().flat_map(|kind| metadata.all(kind)).for_each(|record| next.define(&record.details));
        next
    }

    fn registered(&self) -> impl Iterator<Item = &Registered> {
        self.identities.values().flat_map(BTreeMap::values)
    }

    fn define_source(&mut self, definition: &IdentitySource) {
        let mut source = Source::new(definition).map(Arc::new).map_err(Arc::new);
        if let (Some(Ok(registered)), Ok(new)) = (self.sources.get(&*definition.code), &source)
            && registered.equals(new)
        {
            source = Ok(registered.clone());
        }
        self.sources.insert(definition.code.as_str().into(), source);
    }

    fn define_identity(&mut self, permissions: &Permissions) {
        let identity = Arc::new(Identity::new(permissions.clone()));
        let of_source = self.identities.entry(permissions.source.as_str().into()).or_default();
        match of_source.get_mut(&*permissions.identity) {
            Some(registered) => registered.identity = identity,
            None => {
                self.lives += 1;
                of_source.insert(permissions.identity.as_str().into(), Registered { identity, life: self.lives });
            }
        }
    }
}

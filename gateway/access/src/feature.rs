//! `Feature`: an element of `Permissions.Features`.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Identities, identity sources; reading of all owners and exchanges; feed queries.
    Admin,
    /// Writes, for the owners that the identity holds.
    Alter,
    /// Audit routes, unfiltered.
    Audit,
    /// Reading of all owners; requests for any account; action on queued requests.
    Operator,
    /// Feed queries.
    Query,
}

impl Feature {
    pub const ALL: [Feature; 5] = [Feature::Admin, Feature::Alter, Feature::Audit, Feature::Operator, Feature::Query];

    /// As `Permissions.Features` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Feature::Admin => "Admin",
            Feature::Alter => "Alter",
            Feature::Audit => "Audit",
            Feature::Operator => "Operator",
            Feature::Query => "Query",
        }
    }
}

/// A set of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Features(u8);

impl Features {
    /// `*` is every feature. Names that are no feature grant nothing.
    pub(crate) fn of(names: &[String]) -> Features {
        let is_named = |feature: &Feature| names.iter().any(|name| name == "*" || name == feature.name());
        Features(Feature::ALL.into_iter().filter(is_named).fold(0, |bits, feature| bits | bit(feature)))
    }

    pub(crate) fn has(self, feature: Feature) -> bool {
        self.0 & bit(feature) != 0
    }
}

const fn bit(feature: Feature) -> u8 {
    1 << feature as u8
}

//! How often people are invited. What must hold: the server is no machine for sending letters to strangers. How often an invitation is tried is
//! bounded by [`Attempts`](crate::operations::Attempts), as log-ins are, so that it is none for trying passwords either.

use factotum_model::OrgId;

use crate::operations::OperationError;
use crate::operations::rate_limit::RateLimit;

/// Invitations that an organization makes: so many a minute, and so many at once.
pub const PER_ORGANIZATION: (u32, u32) = (10, 50);

/// The limits of one process.
pub struct Limits(RateLimit<OrgId>);

impl Default for Limits {
    fn default() -> Self {
        Self(RateLimit::new(PER_ORGANIZATION.0, PER_ORGANIZATION.1))
    }
}

impl Limits {
    /// One more is made.
    pub(super) fn make(&self, org: OrgId) -> Result<(), OperationError> {
        self.0.take(&org).map_err(OperationError::RateLimited)
    }

    /// Forgets what is long past.
    pub fn forget(&self) {
        self.0.forget();
    }
}

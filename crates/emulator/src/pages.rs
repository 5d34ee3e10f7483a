//! Pages for people, beside Codat's API.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;

/// Each with the path below which it answers.
#[derive(Clone, Default)]
pub(crate) struct Pages(Arc<RwLock<Vec<(String, Router)>>>);

impl Pages {
    pub(crate) fn mount(&self, path: &str, router: Router) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), router));
    }

    pub(crate) fn at(&self, path: &str) -> Option<Router> {
        let pages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let below =
            |mounted: &str| path.strip_prefix(mounted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        pages.iter().find(|(mounted, _)| below(mounted)).map(|(_, router)| router.clone())
    }
}

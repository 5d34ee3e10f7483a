//! The order in which pages are requested and returned. This module does no I/O.

use std::collections::VecDeque;

/// The maximum number of pages that can be requested at the same time.
pub(super) const MAX_CONCURRENCY: u32 = 64;

/// The state of an iteration over numbered pages, which are returned in order.
///
/// The first page is requested alone. Its response contains the total number of results. Then up to `limit` pages are
/// requested at once: the next page to return, and the pages after it. Each of these pages has a slot from the time it
/// is requested until it is returned, so at most `limit` pages are kept.
///
/// A page is requested *in order* if it is requested after the page before it was returned. With a limit of 1, all
/// pages are requested in order.
pub(super) struct Schedule<R, E> {
    /// The limit of concurrent requests that the caller has set.
    concurrency: u32,
    /// The current limit of concurrent requests.
    limit: u32,
    /// The highest page number that had been requested when `limit` was last halved. A 429 for this page or an earlier
    /// page does not halve `limit` again.
    halved_at: u64,
    /// The number of pages that were returned.
    returned: u64,
    /// The number of results on the returned pages.
    seen: u64,
    /// The number of results on the longest returned page. Each page except the last one should have this number of
    /// results.
    page_length: u64,
    /// The total number of results that the latest returned page reports.
    total: Option<u64>,
    total_changed: bool,
    is_finished: bool,
    /// The next page and the pages after it.
    slots: VecDeque<Slot<R, E>>,
}

enum Slot<R, E> {
    Idle,
    UnderWay { in_order: bool },
    Arrived { in_order: bool, response: Result<R, E> },
}

impl<R, E> Schedule<R, E> {
    pub(super) fn new(concurrency: u32) -> Self {
        Self {
            concurrency,
            limit: concurrency.max(1),
            halved_at: 0,
            returned: 0,
            seen: 0,
            page_length: 1,
            total: None,
            total_changed: false,
            is_finished: false,
            slots: VecDeque::new(),
        }
    }

    /// Returns a schedule that continues at the same page. Pages that are under way or have arrived are requested
    /// again.
    pub(super) fn at_same_page(&self) -> Self {
        Self { slots: VecDeque::new(), ..*self }
    }

    pub(super) fn concurrency(&self) -> u32 {
        self.concurrency
    }

    pub(super) fn set_concurrency(&mut self, concurrency: u32) {
        (self.concurrency, self.limit) = (concurrency, concurrency.max(1));
    }

    /// Returns the number of the page that is returned next.
    pub(super) fn next_page(&self) -> u64 {
        self.returned + 1
    }

    /// Returns true after the last page was returned.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Returns true if the returned pages are inconsistent: results may be missing or duplicated. This is the case if
    /// - two consecutive pages reported different totals, even if [`accept`](Self::accept) rejected the second page;
    /// - a page has more results than the page before it, or a page other than the last one has fewer;
    /// - all pages together have more or fewer results than the total that the last page reports.
    pub(super) fn total_changed(&self) -> bool {
        self.total_changed
    }

    /// Returns the number of a page to request now. Returns `None` if no further page can be requested now. Pages after
    /// a failed page are not requested.
    pub(super) fn start(&mut self) -> Option<u64> {
        if self.is_finished {
            return None;
        }
        let remaining = self.total.map_or(1, |total| total.saturating_sub(self.seen).div_ceil(self.page_length));
        let window = remaining.clamp(1, self.limit.into());
        for (page, index) in (self.next_page()..).zip(0..window as usize) {
            if index == self.slots.len() {
                self.slots.push_back(Slot::Idle);
            }
            match &mut self.slots[index] {
                slot @ Slot::Idle => {
                    *slot = Slot::UnderWay { in_order: index == 0 };
                    return Some(page);
                }
                Slot::Arrived { response: Err(_), .. } => return None,
                Slot::UnderWay { .. } | Slot::Arrived { response: Ok(_), .. } => {}
            }
        }
        None
    }

    /// Stores the response to the request for a page. `rate_limited` is true if Codat responded to the request with 429
    /// at least once. The limit of concurrent requests is then halved. Further 429 responses for pages that are already
    /// under way do not halve the limit again.
    pub(super) fn receive(&mut self, page: u64, response: Result<R, E>, rate_limited: bool) {
        if rate_limited && page > self.halved_at {
            self.limit = (self.limit / 2).max(1);
            self.halved_at = self.returned + self.slots.len() as u64;
        }
        let index = page.checked_sub(self.next_page()).and_then(|index| usize::try_from(index).ok());
        if let Some(slot) = index.and_then(|index| self.slots.get_mut(index))
            && let Slot::UnderWay { in_order } = *slot
        {
            *slot = Slot::Arrived { in_order, response };
        }
    }

    /// Returns the response with the next page, if it has arrived. The caller then calls [`accept`](Self::accept) or
    /// [`fail`](Self::fail).
    pub(super) fn take(&mut self) -> Option<Result<R, E>> {
        let slot = self.slots.front_mut().filter(|slot| matches!(slot, Slot::Arrived { .. }))?;
        match std::mem::replace(slot, Slot::Idle) {
            Slot::Arrived { in_order, response } => {
                *slot = Slot::UnderWay { in_order };
                Some(response)
            }
            Slot::Idle | Slot::UnderWay { .. } => None,
        }
    }

    /// Accepts or rejects the next page, which has arrived. `results` is the number of results on this page. `total` is
    /// the total number of results that this page reports. Returns true if the page is accepted: the schedule then
    /// moves to the following page. Returns false if the page is rejected: this page and all later pages must be
    /// requested again.
    ///
    /// A page is rejected if its total differs from the total of the previous page, and the page was requested before
    /// the caller got the previous page. Such a page may be older than the previous page, so its results may be at
    /// other positions. A rejection also sets the limit of concurrent requests to 1, so that few requests are repeated
    /// if the total changes often.
    #[must_use]
    pub(super) fn accept(&mut self, results: u64, total: u64) -> bool {
        let changed = self.total.is_some_and(|previous| previous != total);
        self.total_changed |= changed;
        if changed && !matches!(self.slots.front(), Some(Slot::UnderWay { in_order: true })) {
            self.slots.clear();
            self.limit = 1;
            return false;
        }
        if self.next_page() > self.halved_at {
            self.limit = (self.limit + 1).min(self.concurrency);
        }
        self.slots.pop_front();
        self.returned += 1;
        self.seen += results;
        self.total = Some(total);
        // An empty page is the last page, even if fewer results than the total were received. Results may have been
        // deleted since an earlier page.
        self.is_finished = results == 0 || self.seen >= total;
        self.total_changed |= self.has_wrong_length(results) || (self.is_finished && self.seen != total);
        self.page_length = self.page_length.max(results);
        if self.is_finished {
            self.slots.clear();
        }
        true
    }

    /// Returns whether the latest returned page has an unexpected number of results. `results` is the number of results
    /// on this page. Each page should have as many results as the pages before it. Only the last page can have fewer.
    fn has_wrong_length(&self, results: u64) -> bool {
        let is_shorter = results < self.page_length && !self.is_finished;
        self.returned > 1 && (is_shorter || results > self.page_length)
    }

    /// Records that the next page has failed. This page and all other pages that have failed are then requested again.
    pub(super) fn fail(&mut self) {
        self.reset(|slot| matches!(slot, Slot::Arrived { response: Err(_), .. }));
        if let Some(next) = self.slots.front_mut() {
            *next = Slot::Idle;
        }
    }

    /// Records that all requests under way were dropped.
    pub(super) fn abandon(&mut self) {
        self.reset(|slot| matches!(slot, Slot::UnderWay { .. }));
    }

    fn reset(&mut self, applies: impl Fn(&Slot<R, E>) -> bool) {
        for slot in self.slots.iter_mut().filter(|slot| applies(slot)) {
            *slot = Slot::Idle;
        }
    }
}

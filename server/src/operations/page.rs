//! Pages of lists: keyset cursors, so that a page costs the same wherever it is.

/// The items of a page unless the caller says otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most items of a page; who asks for more gets as many.
pub const MAX_LIMIT: u32 = 1_000;

/// Which page: so many items after the cursor.
#[derive(Debug, Clone)]
pub struct Page<C> {
    /// How many at the most.
    pub limit: u32,
    /// The last item of the page before.
    pub cursor: Option<C>,
}

/// A page, and where the next one begins.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl<C> Page<C> {
    /// One more than asked for, to know whether there is a next page.
    pub fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// Cuts the one more off, and names the last that stays.
    pub fn cut<T>(&self, mut items: Vec<T>, name: impl Fn(&T) -> String) -> Listed<T> {
        let more = items.len() > self.limit as usize;
        items.truncate(self.limit as usize);
        let next = items.last().filter(|_| more).map(name);
        Listed { items, next }
    }
}

impl<T> Listed<T> {
    /// The same page of other things.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

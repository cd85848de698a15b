//! The objects of a bucket one after the other, the oldest first, in memory that does not grow with
//! their number.

use super::key::{REPORTS, Report, companion_of, day};
use collect_core::bundle::slug;
use collect_sinks::s3::{Bucket, BucketError, Listed, Listing};
use futures_util::{Stream, future, stream};
use jiff::Timestamp;

/// So many products are listed side by side, so that all reports come in the order of time. With
/// more, whoever may add reports could make this program hold a page for each.
const SIDE_BY_SIDE: usize = 24;

/// Which reports.
#[derive(Clone, Debug, Default)]
pub(in crate::desk) struct Scope {
    pub(in crate::desk) product: Option<String>,
    pub(in crate::desk) since: Option<Timestamp>,
    pub(in crate::desk) until: Option<Timestamp>,
}

/// Something in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desk) struct Item {
    pub(in crate::desk) object: Listed,
    pub(in crate::desk) kind: Kind,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desk) enum Kind {
    /// A report, and its companion if that came right after it.
    Report { companion: Option<Listed> },
    /// A companion that did not come after its report.
    Companion,
    /// Something else.
    Stray,
}

impl Item {
    /// When it was made: as its key says, or else when it was stored.
    pub(in crate::desk) fn at(&self) -> Option<Timestamp> {
        let key = companion_of(&self.object.key).unwrap_or(&self.object.key);
        Report::of(key).map(|report| report.at).or(self.object.modified)
    }

    /// Whether its key is that of a report.
    pub(in crate::desk) fn is_report(&self) -> bool {
        Report::of(&self.object.key).is_some()
    }

    /// The moment that its age counts from: when it was made or stored, whichever was later. None
    /// if either is not known.
    pub(in crate::desk) fn youngest(&self) -> Option<Timestamp> {
        let key = companion_of(&self.object.key).unwrap_or(&self.object.key);
        Some(Report::of(key)?.at.max(self.object.modified?))
    }
}

impl Scope {
    fn holds(&self, item: &Item) -> bool {
        let at = item.at();
        self.since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at.is_some_and(|at| at <= until))
    }
}

/// The items of a bucket.
pub(in crate::desk) struct Items {
    lanes: Vec<Lane>,
    scope: Scope,
}

/// One listing.
struct Lane {
    listing: Listing,
    /// Its first object that was not given yet.
    ahead: Option<Listed>,
    /// Its next item.
    item: Option<Item>,
    /// No key of this lane from here on is within the scope.
    end: Option<String>,
}

impl Items {
    /// Begins to list what is within the scope.
    pub(in crate::desk) async fn open(bucket: &Bucket, scope: Scope) -> Result<Self, BucketError> {
        let products = match &scope.product {
            Some(product) => Some(vec![slug(product)]),
            None => products(bucket).await?,
        };
        let lanes = match products {
            Some(products) => {
                products.iter().map(|product| Lane::of_product(bucket, product, &scope)).collect()
            }
            None => return Ok(Self::of(bucket.list(REPORTS, ""), scope)),
        };
        Ok(Self { lanes, scope })
    }

    /// The items of one listing, in its order.
    pub(super) fn of(listing: Listing, scope: Scope) -> Self {
        Self { lanes: vec![Lane::of(listing, None)], scope }
    }

    /// The next item; none when there is no more.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, BucketError> {
        loop {
            future::try_join_all(self.lanes.iter_mut().map(Lane::fill)).await?;
            self.lanes.retain(|lane| lane.item.is_some());
            let first = self.lanes.iter_mut().min_by_key(|lane| lane.item.as_ref().map(Item::at));
            let Some(item) = first.and_then(|lane| lane.item.take()) else { return Ok(None) };
            if self.scope.holds(&item) {
                return Ok(Some(item));
            }
        }
    }

    /// The same as a stream.
    pub(in crate::desk) fn stream(self) -> impl Stream<Item = Result<Item, BucketError>> {
        stream::try_unfold(self, async |mut items| {
            Ok(items.next().await?.map(|item| (item, items)))
        })
    }
}

/// The products that there are reports of; none if they are too many, or if there is more than
/// products where they should be.
async fn products(bucket: &Bucket) -> Result<Option<Vec<String>>, BucketError> {
    let page = bucket.folders(REPORTS).await?;
    if page.more || !page.objects.is_empty() || page.groups.len() > SIDE_BY_SIDE {
        return Ok(None);
    }
    let product = |group: &String| {
        Some(group.strip_prefix(REPORTS)?.strip_suffix('/').unwrap_or(group).to_owned())
    };
    Ok(page.groups.iter().map(product).collect())
}

impl Lane {
    fn of(listing: Listing, end: Option<String>) -> Self {
        Self { listing, ahead: None, item: None, end }
    }

    fn of_product(bucket: &Bucket, product: &str, scope: &Scope) -> Self {
        let after = scope.since.map(|since| day(product, since)).unwrap_or_default();
        // `:` comes right after the digits, so this is behind all that the day holds.
        let end = scope.until.map(|until| day(product, until) + ":");
        Self::of(bucket.list(&format!("{REPORTS}{product}/"), &after), end)
    }

    /// Sees to it that the next item is at hand, if there is one.
    async fn fill(&mut self) -> Result<(), BucketError> {
        if self.item.is_some() {
            return Ok(());
        }
        let Some(object) = self.object().await? else { return Ok(()) };
        let kind = if companion_of(&object.key).is_some() {
            Kind::Companion
        } else if Report::of(&object.key).is_some() {
            let next = self.object().await?;
            match next {
                Some(next) if companion_of(&next.key) == Some(&object.key) => {
                    Kind::Report { companion: Some(next) }
                }
                next => {
                    self.ahead = next;
                    Kind::Report { companion: None }
                }
            }
        } else {
            Kind::Stray
        };
        self.item = Some(Item { object, kind });
        Ok(())
    }

    async fn object(&mut self) -> Result<Option<Listed>, BucketError> {
        let object = match self.ahead.take() {
            Some(object) => Some(object),
            None => self.listing.next().await?,
        };
        let over = |object: &Listed| self.end.as_ref().is_some_and(|end| object.key > *end);
        Ok(object.filter(|object| !over(object)))
    }
}

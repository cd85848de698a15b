//! Where the options of the ticket system come from.

use collect_core::{Secret, sink::DeliveryError, ticket::TicketSettings};
use collect_sinks::aws::{Keys, SecretStore};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// The settings of the function, read when they are first needed and kept as long as they are
/// accepted.
pub struct Settings {
    source: Source,
    known: Mutex<Option<(Secret, Arc<TicketSettings>)>>,
}

enum Source {
    /// A store of AWS.
    Store(Box<(SecretStore, Keys)>),
    /// They are given.
    Text(Secret),
}

impl Settings {
    /// Those that a store keeps.
    pub fn stored(store: SecretStore, keys: Keys) -> Self {
        Self { source: Source::Store(Box::new((store, keys))), known: Mutex::default() }
    }

    /// These.
    pub fn given(text: &str) -> Self {
        Self { source: Source::Text(Secret::new(text)), known: Mutex::default() }
    }

    /// The settings, as they were read last.
    pub(super) fn get(&self, handle: &Handle) -> Result<Arc<TicketSettings>, DeliveryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, settings)) = &*known {
            return Ok(Arc::clone(settings));
        }
        let text = self.read(handle)?;
        let settings = Arc::new(parsed(&text)?);
        *known = Some((text, Arc::clone(&settings)));
        Ok(settings)
    }

    /// The settings if they are others than were read last: a key may have been replaced.
    pub(super) fn renewed(
        &self,
        handle: &Handle,
    ) -> Result<Option<Arc<TicketSettings>>, DeliveryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(self.source, Source::Text(_)) {
            return Ok(None);
        }
        let text = self.read(handle)?;
        if known.as_ref().is_some_and(|(before, _)| *before == text) {
            return Ok(None);
        }
        let settings = Arc::new(parsed(&text)?);
        *known = Some((text, Arc::clone(&settings)));
        Ok(Some(settings))
    }

    fn read(&self, handle: &Handle) -> Result<Secret, DeliveryError> {
        match &self.source {
            Source::Store(from) => {
                handle.block_on(from.0.read(&from.1, &crate::settings::variable))
            }
            Source::Text(text) => Ok(text.clone()),
        }
    }
}

fn parsed(text: &Secret) -> Result<TicketSettings, DeliveryError> {
    TicketSettings::parse(text.reveal()).map_err(|why| DeliveryError::Refused {
        reason: format!("the settings of the ticket system cannot be used: {why}"),
        help: Some("correct the secret, or the variable `COLLECT_TICKET`".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::Sink;

    const BOTH: &str = "
        identity = \"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\"
        [ticket]
        use = \"redmine\"
        url = \"https://desk.example.com\"
        project = \"bugs\"
        api-key = \"made-up-key-0123456789\"
        [product.shop]
        project = \"shop\"
        [product.till]
        use = \"webhook\"
        url = \"https://till.example.com\"
        secret = \"made-up-secret-0123\"
    ";

    fn wrong(text: &str) -> String {
        TicketSettings::parse(text).err().expect("they cannot be used")
    }

    #[test]
    fn a_product_may_go_elsewhere() {
        let settings = TicketSettings::parse(BOTH).map_err(|why| panic!("{why}")).unwrap();
        let place = |product: &str| settings.of(product).destination();
        assert!(place("other").contains("\"bugs\" at desk.example.com"), "{}", place("other"));
        assert!(place("shop").contains("\"shop\" at desk.example.com"), "{}", place("shop"));
        assert!(place("till").contains("till.example.com"), "{}", place("till"));
        assert!(settings.identity().is_some());
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        for (from, to, said) in [
            ("[ticket]", "[tickets]", "`[ticket]`"),
            ("[product.shop]", "[product.Shop]", "`[product.shop]`"),
            ("project = \"shop\"", "projekt = \"shop\"", "`[product.shop]`: `redmine` has no"),
            ("AGE-SECRET-KEY-1", "made-up-", "`identity`"),
            ("= \"https://till", "= till", "is no option"),
            ("identity", "idenity", "`[product.NAME]`"),
        ] {
            let why = wrong(&BOTH.replace(from, to));
            assert!(why.contains(said), "{to}: {why}");
            assert!(!why.contains("made-up"), "{why}");
        }
    }

    #[test]
    fn settings_that_are_given_do_not_change() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let settings = Settings::given(BOTH);
        assert!(settings.get(runtime.handle()).is_ok());
        assert!(settings.renewed(runtime.handle()).unwrap().is_none());
        let error = Settings::given("").get(runtime.handle()).err().unwrap();
        assert!(error.to_string().contains("`[ticket]`"), "{error}");
    }
}

//! Where `collect` keeps its state and looks for profiles.

use collect_core::profile::Library;
use std::path::{Path, PathBuf};

/// Where an administrator puts the key of pseudonyms that several hosts share.
const SHARED_KEY: &str = "/etc/collect/redact.key";

/// The folders of this user on this host.
pub(crate) struct Places {
    /// `identity.txt`, `drafts/` and `outbox/`.
    pub(crate) state: PathBuf,
    /// Where profiles are looked for, in order.
    pub(crate) profiles: Vec<PathBuf>,
}

impl Places {
    /// The folders, from the environment.
    pub(crate) fn of_this_user() -> Self {
        let program = std::env::current_exe().ok();
        let root = rustix::process::geteuid().is_root();
        Self::from(&|name| std::env::var_os(name).map(PathBuf::from), program.as_deref(), root)
    }

    fn from(env: &dyn Fn(&str) -> Option<PathBuf>, program: Option<&Path>, root: bool) -> Self {
        // A path that is not absolute is to be ignored (XDG Base Directory Specification).
        let folder = |name: &str| env(name).filter(|path| path.is_absolute());
        let home = folder("HOME");
        let below_home = |path: &str| home.as_deref().map(|home| home.join(path));
        let state = folder("XDG_STATE_HOME").map(|state| state.join("collect"));
        let state = state.or_else(|| root.then(|| PathBuf::from("/var/lib/collect")));
        let state = state.or_else(|| below_home(".local/state/collect"));
        let beside = program.and_then(|program| Some(program.parent()?.parent()?.to_owned()));
        let config = folder("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let profiles = [
            beside.map(|prefix| prefix.join("share/collect/profiles")),
            Some(PathBuf::from("/etc/collect/profiles")),
            config.map(|config| config.join("collect/profiles")),
        ];
        Self {
            state: state.unwrap_or_else(|| PathBuf::from("/var/lib/collect")),
            profiles: profiles.into_iter().flatten().collect(),
        }
    }

    /// The profiles that are found by name.
    pub(crate) fn library(&self) -> Library {
        Library::new(self.profiles.clone())
    }

    /// The key of this host.
    pub(crate) fn identity(&self) -> PathBuf {
        self.state.join("identity.txt")
    }

    /// The key of pseudonyms: that which an administrator shares between hosts, or one of this
    /// host's own.
    pub(crate) fn redact_key(&self) -> PathBuf {
        let shared = Path::new(SHARED_KEY);
        if shared.exists() { shared.to_owned() } else { self.state.join("redact.key") }
    }

    /// What was typed and is not sealed yet.
    pub(crate) fn drafts(&self) -> PathBuf {
        self.state.join("drafts")
    }

    /// What is sealed and not delivered yet.
    pub(crate) fn outbox(&self) -> PathBuf {
        self.state.join("outbox")
    }
}

/// The settings of the desk: of this user, or of the host.
pub(crate) fn desk_settings() -> PathBuf {
    desk_settings_from(&|name| std::env::var_os(name).map(PathBuf::from))
}

fn desk_settings_from(env: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let folder = |name: &str| env(name).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let own = config.map(|config| config.join("collect/desk.toml"));
    own.filter(|own| own.exists()).unwrap_or_else(|| PathBuf::from("/etc/collect/desk.toml"))
}

/// Looks up an environment variable; core and sinks never do so themselves.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A profile as another working directory would have to name it: a name stays, a path becomes
/// absolute.
pub(crate) fn lasting_name(profile: &str) -> String {
    let is_path =
        profile.contains('/') || Path::new(profile).extension().is_some_and(|e| e == "toml");
    if !is_path {
        return profile.to_owned();
    }
    std::path::absolute(profile)
        .map_or_else(|_| profile.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(env: &[(&str, &str)], root: bool) -> Places {
        let env = |name: &str| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
        };
        Places::from(&env, Some(Path::new("/opt/collect/bin/collect")), root)
    }

    #[test]
    fn state_is_where_the_user_or_the_system_wants_it() {
        let home = [("HOME", "/home/u")];
        assert_eq!(places(&home, false).state, Path::new("/home/u/.local/state/collect"));
        assert_eq!(places(&home, true).state, Path::new("/var/lib/collect"));
        let told = [("HOME", "/root"), ("XDG_STATE_HOME", "/srv/state")];
        assert_eq!(places(&told, true).state, Path::new("/srv/state/collect"));
        let relative = [("HOME", "/home/u"), ("XDG_STATE_HOME", "state")];
        assert_eq!(places(&relative, false).state, Path::new("/home/u/.local/state/collect"));
    }

    #[test]
    fn profiles_beside_the_program_come_first() {
        let found = places(&[("HOME", "/home/u")], false).profiles;
        let expected = [
            "/opt/collect/share/collect/profiles",
            "/etc/collect/profiles",
            "/home/u/.config/collect/profiles",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn a_profile_given_by_its_path_is_found_from_anywhere() {
        assert_eq!(lasting_name("linux"), "linux");
        assert!(lasting_name("shop.toml").starts_with('/'));
        assert_eq!(lasting_name("/etc/shop.toml"), "/etc/shop.toml");
    }
}

//! The words of keys.

use std::{collections::HashSet, sync::LazyLock};

/// Words that are looked up.
pub(super) struct Words(LazyLock<HashSet<&'static str>>);

impl Words {
    pub(super) const fn new(words: LazyLock<HashSet<&'static str>>) -> Self {
        Self(words)
    }

    pub(super) fn have(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

macro_rules! words {
    ($text:expr) => {
        Words(LazyLock::new(|| $text.split_ascii_whitespace().collect()))
    };
}

/// Ends of keys of passwords, in lower case and without separators.
pub(super) const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "pwd",
    "pswd",
    "pasword",
    "kennwort",
    "requirepass",
    "masterauth",
    "authtok",
    "proxypass",
    "ftppass",
    "sshpass",
    "passwords",
    "passphrases",
    "contrasena",
    "wachtwoord",
    "motdepasse",
    "passwds",
    "passwrd",
    "psk",
    "wpakey",
];

/// Words that end like those of passwords, and are none.
pub(super) static NO_PASSWORDS: Words = words!(
    "cup2key compass bypass trespass surpass overpass underpass encompass keepass lastpass multipass onepass \
     twopass renderpass firstpass nopass subpass allpass lowpass highpass bandpass passthrough oldpwd publickey pubkey monkey turkey hockey donkey jockey whiskey"
);

/// As above, of secrets that are no passwords.
pub(super) const STRONG: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "accountkey",
    "encryptionkey",
    "signingkey",
    "sharedkey",
    "presharedkey",
    "masterkey",
    "sessionkey",
    "clientkey",
    "consumerkey",
    "deploykey",
    "storagekey",
    "adminkey",
    "hmackey",
    "aeskey",
    "licensekey",
    "licencekey",
    "subscriptionkey",
    "credential",
    "privateaccess",
    "authsecret",
    "connectionstring",
    "accountsas",
    "passkey",
    "fernetkey",
    "decryptionkey",
    "validationkey",
    "activationkey",
    "certificatekey",
    "applicationkey",
    "appkey",
    "hostkey",
    "integrationkey",
    "writekey",
    "secretstring",
    "registrationcode",
    "regcode",
    "wpakey",
    "serverkey",
    "storedkey",
    "identitykey",
    "recoverykey",
    "unlockkey",
    "cryptkey",
    "cipherkey",
    "sealkey",
    "unsealkey",
    "community",
    "secretaccess",
    "cryptokey",
    "transportkey",
    "principalkey",
    "ntpassword",
    "keystring",
    "wepkey",
    "wirelesskey",
    "radiussecrets",
];

/// Words of keys whose values must look like secrets as well.
pub(super) static WEAK: Words = words!(
    "key auth cookie credentials creds cred otp pin salt sid sig signature session sessionid sessid \
     tokens secrets seed mnemonic apikeys license jwt bearer dsn pat secure encrypt keys ident \
     authident userinfo sas nonce"
);

/// Words of a key behind which what follows is about a secret, but none.
pub(super) static HARMLESS_AFTER: Words = words!(
    "file filename path dir directory folder location ttl length len policy policies type kind name \
     names url uri endpoint id ids size count counter min max minimum maximum enabled disabled enable \
     disable expires expiry expire expired expiration age timeout lifetime lifespan hint prompt field \
     label column format algorithm alg algo encoding encoder decoder method methods mode rotation \
     required optional version status state source sources store storage manager service provider class \
     changed change changes date time at strength validator validators validation authentication reset \
     attempts attempt retries retry tries ref reference selector helper server host port issuer audience \
     scope scopes bucket usage used limit limits rate stdin index number num bits usages exchange ring \
     command cmd env environment address generator factory handler parser checker aging warn warning \
     less input form error errors failed failures valid invalid agent suite spec config mount mounts \
     lookup last fingerprint encryption review reviews controller request requests response endpoints \
     renewal refresh cleaner budget accessor header headers placeholder title description message msg \
     example pattern regex regexp rule rules requirement requirements complexity history quality check \
     checks grace day days hour hours minute minutes second seconds sec secs ms interval period duration \
     cache cached filter plugin module backend driver engine scheme schemes prefix suffix alias aliases \
     flag flags option options setting settings params parameters property table schema model view page \
     screen button dialog link route router middleware guard strategy callback event events listener \
     hook action task job queue topic stream mock stub fixture sample util utils lib socket \
     sock eval program script executable exec binary group groups role roles realm domain domains stash \
     slot slots share shares threshold block chain pairs vault issued obtained created updated modified \
     rotated revoked verified verify verification authenticator supported allowed denied enforced strict \
     complex scan scanner scanning delimiter separator owner mgmt management idx keyidx direction \
     derivation map maps sync chat needed count counts total tool user username users account email \
     wordlist dictionary blacklist validity lifetimes charset chars characters digits usage stdout \
     recovery getter setter item items node nodes object objects count label labels text caption \
     tooltip dn lock locked unlock unlocked autofill autocomplete visible visibility hidden mask masked \
     separator template templates reqd query queries leeway js ts tsx jsx rs py go rb php java cpp hs cs kt json yaml yml xml toml ini conf cfg txt pem crt cer md html css sh log so dll exe leeway skew threshold tag tags language locale meter padding bytes"
);

/// Words behind which a value must look like a hash.
pub(super) static HASHES: Words =
    words!("hash hashes hashed digest digests sha sha1 sha256 sha512 md5");

/// Words of a key before which what follows is about a secret, but none.
pub(super) static HARMLESS_BEFORE: Words = words!(
    "max min num number count total has is no use require requires required enable disable allow show \
     expired invalid wrong missing bad unexpected print with without public pub load import unset \
     forgot forgotten prompt completion supports support can should must needs hide toggle validate \
     check verify"
);

/// As above, before the word `key` alone.
pub(super) static NO_SECRET_KEYS: Words = words!(
    "primary foreign cache partition sort row index host known by composite unique shard \
     cluster natural surrogate object hash map sort range group translation message i18n hot short \
     arrow enter escape trusted config order join lookup search cell dedup idempotency instrumentation kernel publishable recv"
);

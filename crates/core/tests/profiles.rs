//! Profiles of `config.toml` in a program. The cases in `tests/profile` run in every language.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use codat_keys::{ApiKey, ApiKeyDetails, Client, Error, Method};
use codat_keys_emulator::Emulator;
use serde::Deserialize;

use crate::credential_refresh::{replace, set_mode};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    files: BTreeMap<String, Content>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    options: Options,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    text: String,
    mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    profile: Option<String>,
    base_url: Option<String>,
    api_key: Option<String>,
}

/// The name of the key that the client uses, or parts of its error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Error { error: String, message: String, hint: String },
    Key { key: Option<String> },
}

/// An emulator with two keys, and a folder that is `XDG_CONFIG_HOME`.
struct Scene {
    emulator: Emulator,
    admin: Client,
    key: ApiKeyDetails,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let emulator = Emulator::start().unwrap();
        let first = ApiKey::parse(emulator.api_key()).unwrap();
        let admin = Client::builder().base_url(emulator.base_url()).api_key(first).build().unwrap();
        let key = admin.keys().create("profile").await.unwrap().key;
        Self { emulator, admin, key, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn filled(&self, text: &str) -> String {
        text.replace("$FOLDER", self.path("").to_str().unwrap().trim_end_matches('/'))
            .replace("$BASE_URL", self.emulator.base_url())
            .replace("$PROFILE_KEY", self.key.api_key.expose_secret())
            .replace("$OTHER_KEY", self.emulator.api_key())
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.filled(text)).unwrap();
        set_mode(&path, mode);
    }

    fn build(&self, options: &Options, environment: &BTreeMap<String, String>) -> Result<Client, Error> {
        let look_up = |name: &str| -> Option<OsString> {
            let default = || (name == "XDG_CONFIG_HOME").then(|| self.path("").into());
            environment.get(name).map(|value| self.filled(value).into()).or_else(default)
        };
        let mut builder = Client::builder();
        if let Some(key) = &options.api_key {
            builder = builder.api_key(ApiKey::parse(&self.filled(key)).unwrap());
        }
        if let Some(name) = &options.profile {
            builder = builder.profile(self.filled(name));
        }
        if let Some(url) = &options.base_url {
            builder = builder.base_url(self.filled(url));
        }
        builder.build_in(&look_up)
    }

    /// Builds a client of the profile `work`, whose source is this TOML value.
    fn client(&self, source: &str) -> Client {
        let text = format!("[profiles.work]\nbase_url = \"$BASE_URL\"\nsource = {source}\n");
        self.write("codat-keys/config.toml", &text, 0o600);
        let options = Options { profile: Some("work".into()), ..Options::default() };
        self.build(&options, &BTreeMap::new()).unwrap()
    }
}

#[cfg(unix)]
#[tokio::test]
async fn cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/profile/cases.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for case in cases {
        let scene = Scene::new().await;
        for (name, Content { text, mode }) in &case.files {
            scene.write(name, text, u32::from_str_radix(mode, 8).unwrap());
        }
        let built = scene.build(&case.options, &case.environment);
        match case.expect {
            Expected::Key { key } => {
                let own = built.unwrap_or_else(|error| panic!("{}: {error}", case.name)).whoami().await;
                let own = own.unwrap_or_else(|error| panic!("{}: {error}", case.name));
                assert_eq!(own.name.as_ref().map(ToString::to_string), key, "{}", case.name);
            }
            Expected::Error { error, message, hint } => {
                let refused = built.err().unwrap_or_else(|| panic!("{}: no error", case.name));
                let said = format!("{}: {refused} ({})", case.name, refused.hint());
                assert_eq!(refused.kind().code(), error, "{said}");
                assert!(refused.to_string().contains(&scene.filled(&message)), "{said}");
                assert!(refused.hint().contains(&scene.filled(&hint)), "{said}");
                assert!(!format!("{refused:?}{said}").contains(scene.key.api_key.expose_secret()), "{said}");
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_key_of_a_profile_is_read_again_after_its_rejection() {
    for source in ["{ file = \"key\" }", "{ command = [\"cat\", \"$FOLDER/codat-keys/key\"] }"] {
        let mut scene = Scene::new().await;
        scene.write("codat-keys/key", "$PROFILE_KEY", 0o600);
        let client = scene.client(source);
        assert_eq!(client.whoami().await.unwrap(), scene.key, "{source}");
        let new = scene.admin.keys().create("new").await.unwrap().key;
        let old = std::mem::replace(&mut scene.key, new);
        replace(&scene.path("codat-keys/key"), scene.key.api_key.expose_secret());
        scene.admin.keys().delete(&old.id).await.unwrap();
        client.request(Method::GET, "/companies").await.unwrap();
        assert_eq!(client.whoami().await.unwrap(), scene.key, "{source}");
    }
}

#[tokio::test]
async fn a_profile_and_other_keys_replace_each_other() {
    let scene = Scene::new().await;
    let key = || ApiKey::parse("MadeUpKey").unwrap();
    let nothing = |_: &str| None;
    let built = Client::builder().profile("work").api_key(key()).build_in(&nothing).unwrap();
    assert_eq!(built.base_url(), "https://api.codat.io");
    let environment = |name: &str| (name == "XDG_CONFIG_HOME").then(|| scene.path("").into());
    let error = Client::builder().api_key(key()).profile("work").build_in(&environment).unwrap_err();
    assert!(error.to_string().starts_with("there is no profile `work` in "), "{error}");
}

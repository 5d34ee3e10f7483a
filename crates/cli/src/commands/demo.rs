//! The command `demo`: creates, uses, rotates and deletes keys on an embedded emulator over HTTP.

mod interrupted_rotation;

use std::cell::Cell;
use std::time::Instant;

use codat_keys::{ApiKey, ApiKeyDetails, AuthorizationHeader, Client, Error, ErrorKind, How, MAX_KEYS, Method};
use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::print;
use crate::runtime::unless_interrupted;

pub(crate) async fn demo() -> Result<(), Failure> {
    let started = Instant::now();
    let emulator = Emulator::start()
        .map_err(|error| Failure::local(format!("the emulator cannot start: {error}"), "check that loopback works"))?;
    let first = ApiKey::parse(emulator.api_key())?;
    let demo = Demo { client: client(&emulator, &first)?, emulator: &emulator, first, shown: Cell::new(0) };
    unless_interrupted(demo.perform()).await?;
    print(&format!("Done in {} ms.\n", started.elapsed().as_millis()))
}

struct Demo<'a> {
    emulator: &'a Emulator,
    first: ApiKey,
    client: Client,
    /// The number of requests that have been printed so far. The requests come from the emulator's journal.
    shown: Cell<usize>,
}

impl Demo<'_> {
    async fn perform(&self) -> Result<(), Failure> {
        let header = AuthorizationHeader::from(&self.first);
        print(&format!("An emulated Codat at {}, with one made-up key.\n\n", self.emulator.base_url()))?;
        self.print_step("header", &format!("Authorization: {}", header.expose_secret())).await?;
        self.authenticate().await?;
        let key = self.create_and_use().await?;
        let rotated = self.lose_a_response().await?;
        self.rotate(&rotated).await?;
        self.reach_the_limit().await?;
        self.delete_all_but(&key).await?;
        self.delete_the_last_key(&key).await?;
        self.check_state(&key).await
    }

    async fn authenticate(&self) -> Result<(), Failure> {
        let keys = self.client.keys().list().await?;
        expect(keys.len() == 1 && keys[0].name.is_none() && self.client.uses(&keys[0]), "one nameless key is listed")?;
        self.print_step("list", &format!("one key: {}, without a name, {:?}", keys[0].id, keys[0].api_key)).await
    }

    async fn create_and_use(&self) -> Result<ApiKeyDetails, Failure> {
        let key = self.client.keys().create("invoice-processor").await?.key;
        self.print_step("create", &format!("a key \"invoice-processor\": {}, {:?}", key.id, key.api_key)).await?;

        let companies = client(self.emulator, &key.api_key)?.request(Method::GET, "/companies").await?;
        let companies: Value = serde_json::from_slice(companies.bytes()).unwrap_or_default();
        let names: Vec<&str> = companies["results"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|company| company["name"].as_str())
            .collect();
        expect(!names.is_empty(), "the new key reads companies")?;
        self.print_step("use", &format!("the new key reads {} companies: {}", names.len(), names.join(", "))).await?;
        Ok(key)
    }

    /// Creates a key. The emulator creates the key after the first request, but sends no response. The client then
    /// repeats the request.
    async fn lose_a_response(&self) -> Result<ApiKeyDetails, Failure> {
        let script = r#"{"faults":[{"method":"POST","path":"/apiKeys","fault":"drop-after"}]}"#;
        self.emulator.set_faults(script).map_err(|error| Failure::local(error, "please report it"))?;
        let made = self.client.keys().create("lost-answer").await?;
        expect(made.how == How::Replayed, "the key is confirmed on retry")?;
        let state = self.read_control("state").await?;
        let named = state["keys"].as_array().into_iter().flatten().filter(|key| key["name"] == "lost-answer").count();
        expect(named == 1, "the emulator holds one key of this name")?;
        let text = format!(
            "the answer is lost; asked again under the same idempotency key, Codat returns {}\n        How we know: the first \
             answer is replayed to that key, a list shows nothing else new, and the emulator holds one key of this name.",
            made.key.id
        );
        self.print_step("create", &text).await?;
        Ok(made.key)
    }

    async fn reach_the_limit(&self) -> Result<(), Failure> {
        let present = self.client.keys().list().await?.len();
        for number in present..MAX_KEYS {
            self.client.keys().create(format!("worker-{number}")).await?;
        }
        self.print_step("create", &format!("{} more, until there are {MAX_KEYS}", MAX_KEYS - present)).await?;
        let refused = self.client.keys().create("one-too-many").await.map(drop);
        self.print_step("create", &error_text(refused, ErrorKind::KeyLimitReached)?).await
    }

    async fn delete_all_but(&self, kept: &ApiKeyDetails) -> Result<(), Failure> {
        let with_kept = client(self.emulator, &kept.api_key)?;
        let mut keys = self.client.keys().list().await?;
        keys.retain(|key| key.id != kept.id);
        for key in &keys {
            with_kept.keys().delete(&key.id).await?;
        }
        self.print_step("delete", &format!("{} keys, all but \"invoice-processor\"", keys.len())).await?;
        let refused = self.client.keys().list().await.map(drop);
        self.print_step(
            "list",
            &format!("with the first key, now deleted: {}", error_text(refused, ErrorKind::Unauthorized)?),
        )
        .await
    }

    async fn delete_the_last_key(&self, last: &ApiKeyDetails) -> Result<(), Failure> {
        let with_last = client(self.emulator, &last.api_key)?;
        let refused = with_last.keys().delete(&last.id).allow_key_in_use(true).await;
        self.print_step("delete", &error_text(refused, ErrorKind::LastKey)?).await
    }

    /// Reads the keys from the emulator's state, and checks that `last` is the only key.
    async fn check_state(&self, last: &ApiKeyDetails) -> Result<(), Failure> {
        let state = self.read_control("state").await?;
        let keys = state["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        expect(keys.len() == 1 && keys[0]["id"] == *last.id.to_string(), "the emulator holds the last key alone")?;
        print(&format!("\nThe emulator's state agrees: one key, {}.\n", last.id))
    }

    /// Prints a step of the demonstration, the result of the step, and the requests that the emulator has received
    /// since the previous step.
    async fn print_step(&self, step: &str, result: &str) -> Result<(), Failure> {
        let journal = self.read_control("journal").await?;
        let answers: Vec<String> =
            journal["requests"].as_array().into_iter().flatten().skip(self.shown.get()).map(format_request).collect();
        self.shown.set(self.shown.get() + answers.len());
        let wire = match answers.as_slice() {
            [] => "nothing sent".to_owned(),
            [.., last] if answers.len() > 4 => format!("{} requests, the last: {last}", answers.len()),
            few => few.join(", "),
        };
        print(&format!("{step:<7} {result}\n        [{wire}]\n"))
    }

    async fn read_control(&self, what: &str) -> Result<Value, Failure> {
        let answer = self.client.request(Method::GET, &format!("/_emulator/{what}")).await?;
        serde_json::from_slice(answer.bytes()).map_err(|error| {
            Failure::local(format!("the emulator's {what} cannot be read: {error}"), "please report it")
        })
    }
}

fn client(emulator: &Emulator, key: &ApiKey) -> Result<Client, Error> {
    Client::builder().base_url(emulator.base_url()).api_key(key.clone()).build()
}

/// Formats an entry of the emulator's journal, such as `GET /apiKeys: 200`.
fn format_request(request: &Value) -> String {
    let text = |member: &str| request[member].as_str().unwrap_or("?").to_owned();
    let status = request["status"].as_u64().map_or("no answer".to_owned(), |status| status.to_string());
    format!("{} {}: {status}", text("method"), text("path"))
}

fn error_text(result: Result<(), Error>, kind: ErrorKind) -> Result<String, Failure> {
    match result {
        Err(error) if error.kind() == kind => Ok(format!("refused: {error}")),
        other => expect(false, &format!("it is refused with {}, but it ended with {other:?}", kind.code()))
            .map(|()| String::new()),
    }
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    Err(Failure::local(format!("the demo expected that {what}"), "please report it: this is a defect of codat-keys"))
}

//! The sinks that use the command-line tool of a secret manager. Each recipe contains the command lines of one tool.
//! The tool gets the key on its standard input, because other processes can read the arguments and the environment of
//! the tool.

/// How a sink uses the command-line tool of a secret manager. The secret, item or vault that the sink names must
/// already exist.
pub(super) struct Recipe {
    pub(super) scheme: &'static str,
    /// The form of the place in `SCHEME:PLACE`: the names of its parts and the separators, such as `VAULT/NAME`. In the
    /// command lines of the recipe, `{NAME}` is the placeholder for the part `NAME`.
    pub(super) form: &'static str,
    pub(super) write: &'static [&'static str],
    pub(super) input: Input,
    /// The command that prints the content of the sink. Empty if the content cannot be read.
    pub(super) read: &'static [&'static str],
    /// The error messages of `read` that mean that the secret exists and is empty.
    pub(super) empty: &'static [&'static str],
}

/// What a tool reads from its standard input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The value.
    Value,
    /// A patch that sets one entry of a Kubernetes secret. The value of this variant is the part of [`Recipe::form`]
    /// that stands for the name of the entry.
    SecretPatch(&'static str),
    /// An item with one changed field. The first value is the command that prints the item. The second value is the
    /// part of [`Recipe::form`] that stands for the name of the field.
    Item(&'static [&'static str], &'static str),
}

/// The path of standard input, for a program that can read the key only from a file. Windows has no such path.
pub(super) const STDIN: &str = "/dev/stdin";

const RECIPES: &[Recipe] = &[
    // https://docs.aws.amazon.com/cli/latest/reference/secretsmanager/put-secret-value.html
    Recipe {
        scheme: "aws-secretsmanager",
        form: "ID",
        write: &[
            "aws",
            "secretsmanager",
            "put-secret-value",
            "--secret-id={ID}",
            "--secret-string=file:///dev/stdin",
            "--output=json",
        ],
        input: Input::Value,
        read: &[
            "aws",
            "secretsmanager",
            "get-secret-value",
            "--secret-id={ID}",
            "--query=SecretString",
            "--output=text",
        ],
        empty: &["can't find the specified secret value"],
    },
    // https://cloud.google.com/sdk/gcloud/reference/secrets/versions/add
    Recipe {
        scheme: "gcp-secret",
        form: "NAME",
        write: &["gcloud", "secrets", "versions", "add", "{NAME}", "--data-file=-"],
        input: Input::Value,
        read: &["gcloud", "secrets", "versions", "access", "latest", "--secret={NAME}"],
        empty: &["not found or has no versions"],
    },
    // https://learn.microsoft.com/cli/azure/keyvault/secret. `set` prints the value, unless the output is `none`.
    Recipe {
        scheme: "azure-keyvault",
        form: "VAULT/NAME",
        write: &[
            "az",
            "keyvault",
            "secret",
            "set",
            "--vault-name={VAULT}",
            "--name={NAME}",
            "--file=/dev/stdin",
            "--encoding=utf-8",
            "--output=none",
        ],
        input: Input::Value,
        read: &[
            "az",
            "keyvault",
            "secret",
            "show",
            "--vault-name={VAULT}",
            "--name={NAME}",
            "--query=value",
            "--output=tsv",
        ],
        empty: &["SecretNotFound"],
    },
    // https://developer.hashicorp.com/vault/docs/commands/kv/patch. `put` would remove the other fields.
    Recipe {
        scheme: "vault",
        form: "PATH#FIELD",
        write: &["vault", "kv", "patch", "{PATH}", "{FIELD}=-"],
        input: Input::Value,
        read: &["vault", "kv", "get", "-field={FIELD}", "{PATH}"],
        empty: &["not present in secret"],
    },
    // https://kubernetes.io/docs/reference/kubectl/generated/kubectl_patch/. The API encodes the values of `stringData`.
    Recipe {
        scheme: "k8s",
        form: "NS/NAME#KEY",
        write: &["kubectl", "patch", "secret", "{NAME}", "--namespace={NS}", "--type=merge", "--patch-file=/dev/stdin"],
        input: Input::SecretPatch("KEY"),
        read: &[
            "kubectl",
            "get",
            "secret",
            "{NAME}",
            "--namespace={NS}",
            "--output=go-template={{with .data}}{{with index . \"{KEY}\"}}{{. | base64decode}}{{end}}{{end}}",
        ],
        empty: &[],
    },
    // https://cli.github.com/manual/gh_secret_set. GitHub returns no value of a secret.
    Recipe {
        scheme: "github",
        form: "OWNER/REPO#NAME",
        write: &["gh", "secret", "set", "{NAME}", "--repo={OWNER}/{REPO}"],
        input: Input::Value,
        read: &[],
        empty: &[],
    },
    // https://developer.1password.com/docs/cli/reference/management-commands/item#item-edit
    Recipe {
        scheme: "1password",
        form: "VAULT/ITEM#FIELD",
        write: &["op", "item", "edit", "{ITEM}", "--vault={VAULT}"],
        input: Input::Item(&["op", "item", "get", "{ITEM}", "--vault={VAULT}", "--format=json", "--reveal"], "FIELD"),
        read: &["op", "read", "--no-newline", "op://{VAULT}/{ITEM}/{FIELD}"],
        empty: &[],
    },
];

pub(super) fn find(scheme: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.scheme == scheme)
}

/// Returns the forms of all sinks, for messages and the help.
pub(crate) fn forms() -> String {
    let own = ["file:PATH", "dotenv:PATH#NAME", "profile:NAME", "command:COMMAND"].map(str::to_owned);
    let recipes = RECIPES.iter().map(|recipe| format!("{}:{}", recipe.scheme, recipe.form));
    own.into_iter().chain(recipes).collect::<Vec<_>>().join(", ")
}

/// The parts of a place: the name of each part in [`Recipe::form`], and its text.
pub(super) struct Parts<'a>(Vec<(&'static str, &'a str)>);

impl Recipe {
    /// Splits a place into its parts. Returns `None` if the place does not have the form of the recipe. A part must not
    /// begin with a dash, because the tool would read the part as an option. A part must not contain double quotes,
    /// backslashes, backticks, braces or control characters.
    pub(super) fn parse<'a>(&self, place: &'a str) -> Option<Parts<'a>> {
        let (mut form, mut rest, mut parts) = (self.form, place, Vec::new());
        loop {
            let end = form.find(|c: char| !c.is_ascii_alphabetic());
            let name = &form[..end.unwrap_or(form.len())];
            let (part, after) = match end {
                Some(end) => rest.split_once(&form[end..=end])?,
                None => (rest, ""),
            };
            let is_odd = |c: char| c.is_control() || matches!(c, '"' | '\\' | '`' | '{' | '}');
            if part.is_empty() || part.starts_with('-') || part.contains(is_odd) {
                return None;
            }
            parts.push((name, part));
            let Some(end) = end else { return Some(Parts(parts)) };
            (form, rest) = (&form[end + 1..], after);
        }
    }
}

impl Parts<'_> {
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| *own == name).map_or("", |(_, part)| part)
    }

    /// Returns the command line `words`, with each placeholder replaced by its part.
    pub(super) fn fill(&self, words: &[&str]) -> Vec<String> {
        let fill = |word: &&str| {
            self.0.iter().fold((*word).to_owned(), |word, (name, part)| word.replace(&format!("{{{name}}}"), part))
        };
        words.iter().map(fill).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_split_as_the_form_says() {
        let filled = |scheme: &str, place: &str| {
            let recipe = find(scheme).unwrap();
            recipe.parse(place).map(|parts| parts.fill(recipe.write).join(" "))
        };
        assert_eq!(filled("vault", "secret/a/b#api_key").unwrap(), "vault kv patch secret/a/b api_key=-");
        assert_eq!(filled("github", "acme/shop#KEY").unwrap(), "gh secret set KEY --repo=acme/shop");
        let arn = "arn:aws:secretsmanager:eu-west-2:1:secret:codat/key-a";
        assert!(filled("aws-secretsmanager", arn).unwrap().contains(&format!("--secret-id={arn} ")));
        for (scheme, place) in [
            ("vault", "secret/a"),
            ("vault", "#a"),
            ("vault", "a#"),
            ("k8s", "a#b"),
            ("k8s", "a/b"),
            ("k8s", "--all/b#c"),
            ("k8s", "a/b#\"}}{{.x"),
            ("github", "a/b"),
            ("gcp-secret", "--project=x"),
            ("1password", "a\n/b#c"),
        ] {
            assert_eq!(filled(scheme, place), None, "{scheme}:{place}");
        }
    }

    #[test]
    fn every_part_of_a_form_is_used() {
        for recipe in RECIPES {
            let place = recipe.form.to_lowercase();
            let parts = recipe.parse(&place).unwrap();
            let (write, read) = (parts.fill(recipe.write).join(" "), parts.fill(recipe.read).join(" "));
            for (_, part) in &parts.0 {
                let is_in_input = !matches!(recipe.input, Input::Value);
                assert!(write.contains(part) || is_in_input, "{}: {part}", recipe.scheme);
                assert!(read.contains(part) || recipe.read.is_empty(), "{}: {part}", recipe.scheme);
            }
        }
    }
}

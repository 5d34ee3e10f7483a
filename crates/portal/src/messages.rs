//! The texts of the page in English and French.

mod french;

use maud::{Markup, html};

use french::french;

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Language {
    English,
    French,
}

impl Language {
    pub(crate) const ALL: [Language; 2] = [Language::English, Language::French];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::French => "fr",
        }
    }

    /// Returns the name of the language in the language itself, such as `Français`.
    pub(crate) fn native_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::French => "Français",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Returns the supported language with the highest quality in an `Accept-Language` header, such as `fr-CH,
    /// fr;q=0.9, en;q=0.8`.
    pub(crate) fn preferred(accepted: &str) -> Option<Self> {
        let ranges = accepted.split(',').filter_map(|range| {
            let (tag, quality) = range.split_once(';').unwrap_or((range, "q=1"));
            let language = Self::from_code(&tag.trim().split('-').next()?.to_ascii_lowercase())?;
            let quality: f32 = quality.trim().strip_prefix("q=")?.parse().ok()?;
            (quality > 0.0).then_some((language, quality))
        });
        // If several languages have the highest quality, the first one is preferred.
        ranges.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(language, _)| language)
    }

    /// Translates an error text of [`codat_keys::ErrorKind`] from English.
    pub(crate) fn translate(self, english: &str) -> String {
        match self {
            Language::English => english.to_owned(),
            Language::French => french(english).unwrap_or_else(|| english.to_owned()),
        }
    }
}

/// Defines a method of [`Language`] for each text of the page. Each line contains the name of the method, the English
/// text and the French text.
macro_rules! messages {
    ($($name:ident: $english:literal, $french:literal;)*) => {
        impl Language {
            $(pub(crate) fn $name(self) -> &'static str {
                match self {
                    Language::English => $english,
                    Language::French => $french,
                }
            })*
        }
    };
}

// French texts have a no-break space before `:`, `;`, `?`, `!` and within « ».
#[rustfmt::skip]
messages! {
    title: "API keys", "Clés d'API";
    developers: "Developers", "Développeurs";
    skip: "Skip to the keys", "Aller aux clés";
    intro: "Every request to Codat contains one of these keys. Anyone with a key has access to all of your data: copy it to where it is used, and nowhere else.",
        "Chaque requête à Codat contient l'une de ces clés. Toute personne qui en possède une a accès à toutes vos données\u{a0}: ne copiez une clé que là où elle est utilisée.";
    language: "Language", "Langue";
    sign_out: "Sign out", "Se déconnecter";

    name: "Name", "Nom";
    key: "Key", "Clé";
    header: "Authorization header", "En-tête Authorization";
    created: "Created", "Création";
    actions: "Actions", "Actions";
    no_name: "no name", "sans nom";
    in_use: "used by this page", "utilisée par cette page";
    unknown_date: "unknown", "date inconnue";
    copy_key: "Copy key", "Copier la clé";
    copy_header: "Copy header", "Copier l'en-tête";
    show: "Show for 30 seconds", "Afficher (30\u{a0}s)";
    hide: "Hide", "Masquer";
    revoke: "Revoke", "Révoquer";
    colon: ": ", "\u{a0}: ";
    last_key: "The last key cannot be revoked: without a key, no program could call the API. Create another one first.",
        "La dernière clé ne peut pas être révoquée\u{a0}: sans clé, aucun programme ne pourrait plus appeler l'API. Créez d'abord une autre clé.";
    needs_script: "Showing and copying a key needs JavaScript. Everything else works without it.",
        "L'affichage et la copie d'une clé nécessitent JavaScript. Le reste fonctionne sans lui.";

    search: "Search by name", "Chercher par nom";
    find: "Search", "Chercher";
    show_all: "Show all", "Tout afficher";
    nothing_found: "No key has this name.", "Aucune clé ne porte ce nom.";

    create: "Create a key", "Créer une clé";
    create_hint: "Name it after the application that will use it. Names need not be unique.",
        "Donnez-lui le nom de l'application qui s'en servira. Plusieurs clés peuvent porter le même nom.";
    create_now: "Create", "Créer";
    characters: "characters", "caractères";
    limit_reached: "There are ten keys, the most that Codat allows. Revoke an unused key, then create.",
        "Il y a dix clés, le maximum que Codat autorise. Révoquez une clé inutilisée avant d'en créer une autre.";
    read_only: "This page only shows the keys: it was started with --read-only.",
        "Cette page est en lecture seule\u{a0}: elle a été lancée avec --read-only.";
    invalid_name: "A name has 1 to 50 characters, and no control characters. Nothing was created.",
        "Un nom a de 1 à 50 caractères, sans caractère de contrôle. Rien n'a été créé.";

    name_is_secret: "What you typed holds an API key, and is not shown again: a name is seen by everybody. Nothing was created.",
        "Votre saisie contient une clé d'API. Le texte saisi n'est pas réaffiché, car un nom est visible de tous. Rien n'a été créé.";

    was_created: "The key was created", "La clé a été créée";
    shown_once: "It is shown here for 30 seconds. After that, you can show and copy it in the list.",
        "Elle s'affiche ici pendant 30 secondes. Vous pourrez ensuite l'afficher et la copier depuis la liste.";
    was_revoked: "The key was revoked", "La clé a été révoquée";
    no_longer_valid: "Requests that still carry it are refused.", "Les requêtes qui l'utilisent encore sont refusées.";

    revoke_this: "Revoke this key", "Révoquer cette clé";
    cannot_be_undone: "This cannot be undone. Whatever still uses the key can no longer call Codat.",
        "Cette opération est définitive. Les programmes qui utilisent encore la clé ne pourront plus appeler Codat.";
    revoke_in_use: "This page itself uses this key. Once it is revoked, what was started with it cannot reach Codat any more.",
        "Cette page utilise elle-même cette clé. Une fois la clé révoquée, cette page et les programmes lancés avec cette clé ne pourront plus appeler Codat.";
    allow_in_use: "Revoke it all the same", "La révoquer quand même";
    confirm: "Type the name, or the last four characters of the key", "Tapez le nom, ou les quatre derniers caractères de la clé";
    confirm_key: "Type the last four characters of the key", "Tapez les quatre derniers caractères de la clé";
    not_confirmed: "That is neither the name nor the last four characters of this key. Nothing was revoked.",
        "Ce n'est ni le nom ni les quatre derniers caractères de cette clé. Rien n'a été révoqué.";
    cancel: "Cancel", "Annuler";

    codat_says: "Codat says", "Message de Codat\u{a0}:";
    correlation_id: "Correlation id, for Codat's support", "Identifiant de corrélation, pour le support de Codat";
    try_again: "Try again", "Réessayer";
    check_again: "Check again", "Vérifier de nouveau";
    may_be_created: "A key may have been created. One of these may be it:", "Une clé a peut-être été créée. C'est peut-être l'une de celles-ci\u{a0}:";
    may_be_revoked: "The key may have been revoked: it was, once it is no longer in the list.",
        "La clé a peut-être été révoquée\u{a0}: elle l'est si elle n'est plus dans la liste.";
    dismiss: "Do not show this message again", "Ne plus afficher ce message";
    no_longer_listed: "The key is no longer in the list: it was revoked meanwhile, perhaps in another tab.",
        "La clé n'est plus dans la liste\u{a0}: elle a été révoquée entre-temps, peut-être dans un autre onglet.";
    check_the_box: "Tick the box if you want to revoke it all the same.", "Pour révoquer la clé quand même, cochez la case.";
    keys_not_listed: "The keys could not be listed.", "Les clés n'ont pas pu être listées.";
    no_new_key: "No new key of this name was found so far.", "Aucune nouvelle clé de ce nom n'a été trouvée pour l'instant.";
    check_is_safe: "Checking again never makes a second key.", "Vérifier de nouveau ne crée jamais de seconde clé.";

    who_are_you: "Who are you?", "Qui êtes-vous\u{a0}?";
    emulated: "This is an emulator: choose a user, there is no password.", "Ceci est un émulateur\u{a0}: choisissez un utilisateur. Aucun mot de passe n'est demandé.";
    manages_keys: "manages keys", "gère les clés";
    does_not_manage_keys: "does not see keys", "ne voit pas les clés";
    forbidden: "You may not see API keys", "Vous ne pouvez pas voir les clés d'API";
    who_may: "Only an Administrator or a Developer views, copies, creates and revokes keys. Your role is",
        "Seuls les utilisateurs ayant le rôle Administrator ou Developer peuvent voir, copier, créer et révoquer les clés. Votre rôle est";
    ask_them: "Ask one of them for the key that you need, or an Administrator for another role.",
        "Demandez la clé à l'un de ces utilisateurs, ou demandez un autre rôle à un utilisateur ayant le rôle Administrator.";
    another_user: "Sign in as another user", "Changer d'utilisateur";
    link_required: "Open the page with its link", "Ouvrez la page avec son lien";
    link_hint: "Each link works once. Press Enter in the terminal where codat-keys portal runs, and open the new link that it prints.",
        "Chaque lien ne sert qu'une fois. Appuyez sur Entrée dans le terminal où tourne codat-keys portal, et ouvrez le nouveau lien qu'il affiche.";
    page_outdated: "This page is out of date", "Cette page n'est plus à jour";
    session_ended: "Its session has ended since. Nothing was changed: open the page again.",
        "Votre session a pris fin entre-temps. Rien n'a été modifié\u{a0}: ouvrez la page de nouveau.";
    opening: "Opening the page", "Ouverture de la page";
    continue_: "Go on", "Continuer";

    copied_key: "Key copied", "Clé copiée";
    copied_header: "Header copied", "En-tête copié";
    not_copied: "It could not be copied. You can show the key and copy it by hand.",
        "La copie a échoué. Vous pouvez afficher la clé, puis la copier à la main.";
    not_fetched: "The key could not be fetched. Load this page again.", "La clé n'a pas pu être obtenue. Rechargez cette page.";
    is_shown: "The key is shown for 30 seconds", "La clé est affichée pendant 30 secondes";
    wiped: "The key is hidden again", "La clé est de nouveau masquée";
}

impl Language {
    pub(crate) fn key_count(self, keys: usize, max: usize) -> String {
        match self {
            Language::English => format!("{keys} of {max} keys"),
            // In French, 0 and 1 are followed by the singular.
            Language::French if keys < 2 => format!("{keys} clé sur {max}"),
            Language::French => format!("{keys} clés sur {max}"),
        }
    }

    /// Returns a text that says how long to wait before the next request. Rounds the time up, because Codat would
    /// reject a request that is sent too early.
    pub(crate) fn wait(self, seconds: u64) -> String {
        let time = match seconds {
            0..=120 => format!("{seconds} s"),
            121..=7200 => format!("{} min", seconds.div_ceil(60)),
            _ => format!("{} h", seconds.div_ceil(3600)),
        };
        match self {
            Language::English => format!("Codat asks to wait for {time}."),
            Language::French => format!("Codat demande d'attendre {time}."),
        }
    }

    /// Returns `text` in the quotation marks of the language.
    pub(crate) fn quoted(self, text: Markup) -> Markup {
        match self {
            Language::English => html! { " “" (text) "”" },
            Language::French => html! { " «\u{a0}" (text) "\u{a0}»" },
        }
    }
}
